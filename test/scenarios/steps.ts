import { formatAmount } from '../../src/pricing/money.ts'
import type { Answer } from '../admin/open-door.ts'
import { workOffAll } from '../managers/plan-world.ts'
import type { Scene, Step } from './story.ts'

const ADMIN = '/api/v1/admin'
const ORGANIZATIONS = `${ADMIN}/organizations`

/** A thousand tokens in for 1.00, a thousand out for 2.00: amounts that can be read off. */
const PRICES = [
  { key: 'input', kind: 'input_tokens', price: '1.00', per: 1_000 },
  { key: 'output', kind: 'output_tokens', price: '2.00', per: 1_000 },
]

/** What an answer comes to: what `read` makes of a good one, the code of a problem. */
function outcome({ status, body }: Answer, read: (body: Answer['body']) => string): string {
  if (status < 400) return read(body)
  const [first] = body.errors ?? []
  return first ? `${first.code} ${first.pointer}` : String(body.code)
}

const availableOf = (body: object): string => String((body as { balance: { available: string } }).balance.available)
const planId = ({ plans }: Scene, name: string): string => plans.get(name) ?? name

/** Publishes a plan. */
export function plan(name: string, body: object = {}): Step {
  return {
    says: `plan ${name}`,
    async play(scene) {
      const answer = await scene.ask(`${ADMIN}/tariffs`, {
        body: { name, components: PRICES, publish: true, ...body },
      })
      if (answer.status === 201) scene.plans.set(name, answer.body.id)
      return outcome(answer, ({ state }) => String(state))
    },
  }
}

/** Makes an organisation on a plan. Comes to what it has. */
export function organization(id: string, name: string, body: object = {}): Step {
  return {
    says: `organisation ${id} on ${name}`,
    play: async (scene) =>
      outcome(await scene.ask(ORGANIZATIONS, { body: { id, tariff_id: planId(scene, name), ...body } }), availableOf),
  }
}

/** Puts money in. Comes to what is available then. */
export function topUp(id: string, amount: string): Step {
  return {
    says: `top-up of ${amount} for ${id}`,
    play: async (scene) => {
      const body = { amount, reference: `payment ${scene.next()}` }
      return outcome(await scene.ask(`${ORGANIZATIONS}/${id}/top-ups`, { body }), availableOf)
    },
  }
}

/** Changes an organisation: its plan by name, or anything else. Comes to what it has. */
export function change(id: string, body: { readonly plan?: string; readonly [field: string]: unknown }): Step {
  return {
    says: `change of ${id} ${JSON.stringify(body)}`,
    play: async (scene) => {
      const { plan: name, ...fields } = body
      const tariff = name === undefined ? {} : { tariff_id: planId(scene, name) }
      const request = { method: 'PATCH', body: { ...fields, ...tariff } }
      return outcome(await scene.ask(`${ORGANIZATIONS}/${id}`, request), availableOf)
    },
  }
}

/** Adds a member. Comes to what the seat was charged, or what it still needs. */
export function member(id: string, userId: string, body: object = {}): Step {
  return {
    says: `member ${userId} of ${id}`,
    play: async (scene) =>
      outcome(
        await scene.ask(`${ORGANIZATIONS}/${id}/members`, { body: { user_id: userId, ...body } }),
        ({ state, charged, needed }) => (state === 'active' ? String(charged) : `${String(state)} ${String(needed)}`),
      ),
  }
}

/** Removes a member. */
export function leave(id: string, userId: string): Step {
  return {
    says: `${userId} leaves ${id}`,
    play: async (scene) =>
      outcome(await scene.ask(`${ORGANIZATIONS}/${id}/members/${userId}`, { method: 'DELETE' }), () => 'left'),
  }
}

interface Work {
  readonly input?: number
  readonly output?: number
  readonly user?: string
}

/** Runs a job of one's own: so many tokens in and out. Comes to what it was charged, or why it was not started. */
export function job(id: string, { input = 0, output = 0, user }: Work): Step {
  return {
    says: `job of ${id}, ${input} in and ${output} out${user === undefined ? '' : ` by ${user}`}`,
    async play({ door }) {
      const { billing, openJob, jobs, inTransaction } = door.tollkeeper
      try {
        const of = await openJob({ organizationId: id, userId: user ?? null, agents: [] })
        const verdict = await billing.admit(of, [
          { stage: 'input', bound: { kind: 'input', tokens: input } },
          { stage: 'output', bound: { kind: 'output', maxTokens: output } },
        ])
        if (verdict.kind === 'refused') return verdict.rejection.reason
        if (verdict.kind !== 'admitted') return verdict.kind
        await billing.settle({ ...of, stage: 'output' }, { kind: 'output', tokens: output })
        await billing.release(of)
        const view = await inTransaction((em) => jobs.find(em, of.jobId))
        return formatAmount(view.charged)
      } catch (error) {
        return (error as { code?: string }).code ?? String(error)
      }
    },
  }
}

/** Looks at an organisation after time has done its work. Comes to its status and what it has. */
export function look(id: string): Step {
  return {
    says: `${id} is looked at`,
    async play({ door, ask }) {
      await door.tollkeeper.organizations.renew(id)
      return outcome(await ask(`${ORGANIZATIONS}/${id}`), (body) => `${String(body.status)} ${availableOf(body)}`)
    },
  }
}

interface NewTerms {
  /** Another price of a thousand tokens of input. */
  readonly input?: string
  readonly [term: string]: unknown
}

/** Publishes a plan with other terms and moves its organisations there. Comes to how many were moved, and why others were not. */
export function moveTo(name: string, { input, ...terms }: NewTerms, applyTo: 'next_period' | 'now'): Step {
  return {
    says: `${name} becomes ${JSON.stringify({ input, ...terms })}, ${applyTo}`,
    async play(scene) {
      const at = `${ADMIN}/tariffs/${planId(scene, name)}`
      const edits = [scene.ask(at, { method: 'PATCH', body: terms })]
      if (input !== undefined) {
        edits.push(scene.ask(`${at}/components/input`, { method: 'PATCH', body: { price: input } }))
      }
      const refused = (await Promise.all(edits)).find(({ status }) => status >= 400)
      if (refused) return outcome(refused, String)
      const { move } = (await scene.ask(`${at}/publish`, { body: { apply_to: applyTo } })).body
      await workOffAll(scene.door.tollkeeper)
      const { moved, skipped, problems } = (await scene.ask(`${at}/moves/${(move as { id: string }).id}`)).body
      const codes = (problems as { data: readonly { code: string }[] }).data.map(({ code }) => code)
      return `${String(moved)} moved, ${String(skipped)} left${codes.length > 0 ? `: ${codes.join()}` : ''}`
    },
  }
}

/** Takes a plan off the shelf. */
export function archive(name: string): Step {
  return {
    says: `${name} is archived`,
    play: async (scene) =>
      outcome(await scene.ask(`${ADMIN}/tariffs/${planId(scene, name)}`, { method: 'DELETE' }), () => 'archived'),
  }
}

/** Limits what a member's jobs may cost in a period. Comes to the limit. */
export function limit(id: string, userId: string, amount: string | null): Step {
  return {
    says: `limit of ${amount} for ${userId} of ${id}`,
    play: async ({ ask }) => {
      const request = { method: 'PATCH', body: { spending_limit: amount } }
      const answer = await ask(`${ORGANIZATIONS}/${id}/members/${userId}`, request)
      return outcome(answer, (body) => String(body.spending_limit))
    },
  }
}

/** Draws a line below which an alert is raised. Comes to whether it is raised at once. */
export function threshold(id: string, body: { readonly below: string; readonly clear_at?: string }): Step {
  return {
    says: `threshold of ${id} at ${body.below}`,
    play: async ({ ask }) =>
      outcome(await ask(`${ORGANIZATIONS}/${id}/thresholds`, { body }), ({ state }) => String(state)),
  }
}

/** Comes to every alert that there was, the newest first. */
export function alerts(id: string): Step {
  return {
    says: `alerts of ${id}`,
    play: async ({ ask }) =>
      outcome(await ask(`${ORGANIZATIONS}/${id}/alerts`), ({ data }) => {
        return data.map(({ state, value }) => `${String(state)} at ${String(value)}`).join(', ') || 'none'
      }),
  }
}
