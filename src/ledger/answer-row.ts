/** An answer as it goes out: what is kept is what is sent, byte for byte. */
export interface Answer {
  /** 200 to 299: a refusal is not kept. */
  readonly status: number
  readonly location: string | null
  /** JSON; empty where there is none. */
  readonly body: string
}

/** What was answered under an idempotency key. Written once, in the transaction of the effect. */
export interface AnswerRow {
  /** The organisation within which the key means something; empty for requests that concern none. */
  readonly scope: string
  readonly key: string
  /** Of all that the request said: the same key must mean the same. */
  readonly hash: string
  /** Drawn for the request that was answered: whoever brings it again is that very request. */
  readonly slipId: string
  readonly answer: Answer
  readonly createdAt: number
  readonly expiresAt: number
}

/** What a batch puts down beside the effects of its calls. */
export interface SlipWrites {
  readonly answers: readonly AnswerRow[]
  /** Entries of the audit log as their texts, in the order of the calls. */
  readonly entries: readonly string[]
}
