/** Newer ones take the place of older ones: a run makes thousands. */
const KEPT = 40
/** So many words a request can be drawn with, for whatever is there when it is sent. */
const STAND_INS = 30
const STAND_IN = /\b([a-z-]+)~(\d+)/g

/** What an answer brings into being: by operation, what it is. */
const MADE: Readonly<Record<string, string>> = {
  createTariff: 'tariffs',
  submitJob: 'jobs',
  submitJobs: 'jobs',
  resubmitJob: 'jobs',
  chargeFeature: 'feature-charges',
  addThreshold: 'thresholds',
  createOrganizationKey: 'api-keys',
  rotateOrganizationKey: 'api-keys',
  createAdminKey: 'admin-keys',
  rotateAdminKey: 'admin-keys',
}

/**
 * Ids of what there is. A run wears things out (it archives, removes, revokes) and makes others; so requests are drawn
 * with stand-ins such as `tariffs~3`, and sent with ids of what is there by then.
 */
export class LivingIds {
  readonly #ids = new Map<string, string[]>()

  add(kind: string, ...ids: readonly string[]): void {
    this.#ids.set(kind, [...(this.#ids.get(kind) ?? []), ...ids].slice(-KEPT))
  }

  standIns(kind: string): readonly string[] {
    if (!this.#ids.has(kind)) throw new Error(`there are no ${kind} to stand in for`)
    return Array.from({ length: STAND_INS }, (_, index) => `${kind}~${index}`)
  }

  /** A path or a body with ids in the place of stand-ins. */
  fill(text: string): string {
    return text.replaceAll(STAND_IN, (word, kind: string, index: string) => {
      const ids = this.#ids.get(kind)
      return ids?.[Number(index) % ids.length] ?? word
    })
  }

  /** Takes in what an answer says was made. */
  learn(operation: string, text: string): void {
    const kind = MADE[operation]
    if (kind === undefined) return
    const { id, data } = JSON.parse(text) as { readonly id?: string; readonly data?: readonly { id: string }[] }
    this.add(kind, ...(id === undefined ? [] : [id]), ...(data ?? []).map((made) => made.id))
  }
}
