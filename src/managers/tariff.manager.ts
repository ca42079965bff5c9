import { type EntityManager, LockMode } from '@mikro-orm/postgresql'
import { ConflictError, NotFoundError, ValidationError } from '../foundation/errors.ts'
import { newId } from '../foundation/ids.ts'
import { TariffComponent } from '../models/tariff-component.model.ts'
import { TariffPlan } from '../models/tariff-plan.model.ts'
import { TariffVersion } from '../models/tariff-version.model.ts'
import type { Nano } from '../pricing/money.ts'
import type { Component } from '../pricing/tariff.ts'
import type { DatabaseTime } from './database-time.ts'
import { lockPlan, openDraft, unknownTariff } from './tariff-draft.ts'
import { nextPublication, refuseUnpriceable, removeDraft } from './tariff-publication.ts'
import { componentColumns, componentToRow, toTariff } from './tariff-row.ts'
import { representative, type TariffView, tariffViews } from './tariff-view.ts'

/** What a version says besides its components. Amounts in nano-units of the plan's currency. */
export interface TariffTerms {
  readonly name: string
  readonly pricePerMonth: Nano
  /** null: no limit. */
  readonly maxTeamMembers: number | null
  readonly memberPrice: Nano
  readonly currency: string
  readonly chargeOnFailure: 'none' | 'finished_stages'
  /** What a job that comes to its output is charged at least; nothing unless given. */
  readonly minimumPerJob?: Nano
  /** Days in which everything goes on while a fee is not paid; 7 unless given. */
  readonly graceDays?: number
  /** Days from then on until no further fees are made; 30 unless given. */
  readonly suspendAfterDays?: number
}

export interface NewTariff extends TariffTerms {
  readonly components: readonly Component[]
  /** Publishes version 1 at once. */
  readonly publish: boolean
}

/**
 * Plans, their versions and components. A published version never changes: edits go to the plan's one draft, which the
 * first edit after a publication opens as a copy. Every write locks the plan's row before it decides.
 */
export class TariffManager {
  readonly #time: DatabaseTime

  constructor(time: DatabaseTime) {
    this.#time = time
  }

  /**
   * Makes a plan with version 1.
   * @throws ValidationError with pointers such as `/components/0/tiers` where a component cannot be priced
   */
  async create(em: EntityManager, { components, publish, currency, ...terms }: NewTariff): Promise<TariffView> {
    refuseUnpriceable(components)
    const plan = em.create(TariffPlan, { id: newId(), currency, archivedAt: null })
    const version = em.create(TariffVersion, {
      id: newId(),
      planId: plan.id,
      version: 1,
      state: 'draft',
      ...terms,
      publishedAt: null,
      contentHash: null,
    })
    components.forEach((component, position) => {
      em.create(TariffComponent, componentToRow(version.id, position, component))
    })
    await em.flush()
    if (publish) await this.#publish(em, plan)
    return this.find(em, plan.id, { version: 1 })
  }

  /**
   * The newest published version, or the newest one while none is; `version` picks another.
   * @throws NotFoundError
   */
  async find(em: EntityManager, id: string, { version }: { readonly version?: number } = {}): Promise<TariffView> {
    const plan = await em.findOne(TariffPlan, { id })
    if (!plan) throw unknownTariff()
    const versions = await em.find(TariffVersion, { planId: id }, { orderBy: { version: 'asc' } })
    const shown = version === undefined ? representative(versions) : versions.find((each) => each.version === version)
    if (!shown) throw unknownTariff()
    return (await tariffViews(em, [{ plan, versions, shown }]))[0] as TariffView
  }

  /** The version that edits build on, its draft or else the newest, under the plan's lock. @throws NotFoundError */
  async lockNewest(em: EntityManager, id: string): Promise<TariffView> {
    const plan = await em.findOne(TariffPlan, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE })
    if (!plan) throw unknownTariff()
    return this.newest(em, id)
  }

  /** As {@link lockNewest}, without the lock. */
  async newest(em: EntityManager, id: string): Promise<TariffView> {
    const [newest] = await em.find(TariffVersion, { planId: id }, { orderBy: { version: 'desc' }, limit: 1 })
    if (!newest) throw unknownTariff()
    return this.find(em, id, { version: newest.version })
  }

  /** Plans, newest first, each as {@link find} shows it; `before` is the last id of the page before. */
  async list(
    em: EntityManager,
    { limit, before }: { readonly limit: number; readonly before: string | null },
  ): Promise<{ readonly tariffs: readonly TariffView[]; readonly next: string | null }> {
    const where = before === null ? {} : { id: { $lt: before } }
    const found = await em.find(TariffPlan, where, { orderBy: { id: 'desc' }, limit: limit + 1 })
    const plans = found.slice(0, limit)
    const versions = await em.find(
      TariffVersion,
      { planId: { $in: plans.map(({ id }) => id) } },
      { orderBy: { version: 'asc' } },
    )
    const ofPlan = Map.groupBy(versions, ({ planId }) => planId)
    const shown = plans.map((plan) => {
      const all = ofPlan.get(plan.id) ?? []
      return { plan, versions: all, shown: representative(all) }
    })
    return { tariffs: await tariffViews(em, shown), next: found.length > limit ? (plans.at(-1)?.id ?? null) : null }
  }

  /** Every version of a plan, the first one first, from behind `after`. @throws NotFoundError */
  async versions(
    em: EntityManager,
    id: string,
    { limit, after }: { readonly limit: number; readonly after: number | null },
  ): Promise<{ readonly tariffs: readonly TariffView[]; readonly next: number | null }> {
    const plan = await em.findOne(TariffPlan, { id })
    if (!plan) throw unknownTariff()
    const all = await em.find(TariffVersion, { planId: id }, { orderBy: { version: 'asc' } })
    const rest = all.filter(({ version }) => after === null || version > after)
    const page = rest.slice(0, limit)
    const tariffs = await tariffViews(
      em,
      page.map((shown) => ({ plan, versions: all, shown })),
    )
    return { tariffs, next: rest.length > limit ? (page.at(-1)?.version ?? null) : null }
  }

  /**
   * Changes the draft, opening it if there is none; a patch that says nothing changes nothing.
   * @throws NotFoundError, ConflictError `tariff-not-published` (archived) or `currency-mismatch` (a plan that was ever
   *         published keeps its currency, since organisations pay in it)
   */
  async update(em: EntityManager, id: string, patch: Partial<TariffTerms>): Promise<TariffView> {
    const plan = await lockPlan(em, id)
    const { currency, ...terms } = patch
    if (currency !== undefined && currency !== plan.currency) {
      if ((await em.count(TariffVersion, { planId: id, publishedAt: { $ne: null } })) > 0) {
        throw new ConflictError('currency-mismatch', 'A published plan keeps its currency; create another plan')
      }
      plan.currency = currency
    }
    if (Object.keys(patch).length === 0) return this.find(em, id)
    const draft = await openDraft(em, plan)
    em.assign(draft, terms)
    await em.flush()
    return this.find(em, id, { version: draft.version })
  }

  /**
   * Makes the draft usable. Without one, or with one that says nothing new and is then removed, the newest published
   * version is the answer. Organisations stay where they are. The plan stays locked.
   * @throws NotFoundError, ValidationError, ConflictError `tariff-not-published` (archived)
   */
  async publish(em: EntityManager, id: string): Promise<TariffView> {
    const version = await this.#publish(em, await lockPlan(em, id))
    return this.find(em, id, { version })
  }

  /** @returns the number of the newest published version */
  async #publish(em: EntityManager, plan: TariffPlan): Promise<number> {
    const { version, hash, redundant } = await nextPublication(em, plan)
    if (redundant) await removeDraft(em, redundant)
    else if (version.state === 'draft') {
      // With its hash; from here on the table refuses every change.
      em.assign(version, { state: 'published', publishedAt: await this.#time.now(em), contentHash: hash })
      await em.flush()
    }
    return version.version
  }

  /** Takes a plan off the shelf: nobody new gets it, who has it keeps it. Again is harmless. @throws NotFoundError */
  async archive(em: EntityManager, id: string): Promise<void> {
    const plan = await em.findOne(TariffPlan, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE })
    if (!plan) throw unknownTariff()
    if (plan.archivedAt !== null) return
    plan.archivedAt = await this.#time.now(em)
    for (const version of await em.find(TariffVersion, { planId: id })) version.state = 'archived'
    await em.flush()
  }

  /**
   * Adds a component to the draft.
   * @throws NotFoundError, ConflictError, ValidationError with pointers into the component (`/key` `duplicate-key`, …)
   */
  addComponent(em: EntityManager, id: string, component: Component): Promise<Component> {
    return this.#editComponents(em, id, (draft, rows) => {
      const last = rows.at(-1)?.position ?? -1
      rows.push(em.create(TariffComponent, componentToRow(draft.id, last + 1, component)))
      return component
    })
  }

  /** Changes a component of the draft; what the patch leaves out stays. @throws as {@link addComponent} */
  updateComponent(em: EntityManager, id: string, key: string, patch: Partial<Component>): Promise<Component> {
    return this.#editComponents(em, id, (draft, rows, components) => {
      const index = rows.findIndex((row) => row.key === key)
      const [row, component] = [rows[index], components[index]]
      if (!row || !component) throw unknownComponent(key, draft)
      const changed = { ...component, ...patch }
      em.assign(row, componentColumns(changed))
      return changed
    })
  }

  /** Takes a component out of the draft. @throws NotFoundError, ConflictError */
  async removeComponent(em: EntityManager, id: string, key: string): Promise<void> {
    await this.#editComponents(em, id, (draft, rows) => {
      const index = rows.findIndex((row) => row.key === key)
      const [row] = index < 0 ? [] : rows.splice(index, 1)
      if (!row) throw unknownComponent(key, draft)
      em.remove(row)
    })
  }

  async #editComponents<T>(
    em: EntityManager,
    id: string,
    edit: (draft: TariffVersion, rows: TariffComponent[], components: readonly Component[]) => T,
  ): Promise<T> {
    const plan = await lockPlan(em, id)
    const draft = await openDraft(em, plan)
    const rows = await em.find(TariffComponent, { versionId: draft.id }, { orderBy: { position: 'asc' } })
    const result = edit(draft, rows, toTariff(draft, plan, rows).components)
    try {
      refuseUnpriceable(toTariff(draft, plan, rows).components)
    } catch (error) {
      throw error instanceof ValidationError ? intoOneComponent(error) : error
    }
    await em.flush()
    return result
  }
}

/** Whoever sends one component is told about its fields, not about its place in the version. */
function intoOneComponent(error: ValidationError): ValidationError {
  return new ValidationError(
    error.errors.map((each) => ({ ...each, pointer: each.pointer.replace(/^\/components(\/\d+)?/, '') })),
  )
}

function unknownComponent(key: string, { version }: TariffVersion): NotFoundError {
  return new NotFoundError(`Version ${version} has no component "${key}"`)
}
