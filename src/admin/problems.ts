/** A reason to refuse, as contract.md names it. */
interface ProblemKind {
  readonly status: number
  readonly title: string
  /** For whoever looks the code up: what it means, and what to do. */
  readonly meaning: string
}

/** Every code that an answer may carry; `/problems/<code>` and the documents are made of it. */
export const PROBLEMS: Readonly<Record<string, ProblemKind>> = {
  'malformed-request': {
    status: 400,
    title: 'The request is not valid HTTP',
    meaning: 'Its line, headers or framing are broken. The connection is closed; look at what stands between us.',
  },
  'malformed-json': {
    status: 400,
    title: 'The body is not JSON',
    meaning: 'The body breaks off, is no JSON, or is not UTF-8. `detail` says where reading ended.',
  },
  'invalid-query': {
    status: 400,
    title: 'The query is not valid',
    meaning:
      'A parameter is unknown here, given twice, or has no such value. Unknown ones are refused, since an ignored filter is a wrong answer.',
  },
  'invalid-cursor': {
    status: 400,
    title: 'The cursor is not valid',
    meaning:
      'A cursor belongs to one list with its filters. Give `next_cursor` of the page before, unchanged, or begin anew.',
  },
  unauthorized: {
    status: 401,
    title: 'A key is needed',
    meaning: 'No key was sent, or one that is unknown, expired or revoked; which of these is not told.',
  },
  'insufficient-balance': {
    status: 402,
    title: 'The balance does not suffice',
    meaning: 'Nothing was taken. `needed`, `available` and `missing` say by how much; top up, or ask for less.',
  },
  forbidden: {
    status: 403,
    title: 'This is not allowed',
    meaning: 'The key is known and is not for this. Keys of organisations reach the tenant routes only.',
  },
  'not-a-member': {
    status: 403,
    title: 'The user is not an active member',
    meaning: 'Add the member, or pay the seat that waits for money.',
  },
  'not-found': {
    status: 404,
    title: 'Nothing is found here',
    meaning: 'It does not exist, or belongs to somebody else; the two answers are the same.',
  },
  'already-exists': { status: 409, title: 'It exists already', meaning: 'Choose another id, or PATCH what is there.' },
  'no-tariff': {
    status: 409,
    title: 'The organisation has no tariff',
    meaning: 'Assign a published one with PATCH /api/v1/admin/organizations/{id}.',
  },
  'tariff-not-published': {
    status: 409,
    title: 'The tariff is not published',
    meaning: 'It is a draft or archived. Publish it, or take another.',
  },
  'currency-mismatch': {
    status: 409,
    title: 'The currencies differ',
    meaning: 'An organisation pays in the currency of its tariff, and keeps it.',
  },
  'seat-limit': {
    status: 409,
    title: 'No seat is left',
    meaning: 'The tariff allows no more members. Remove one, or take a tariff with more.',
  },
  'cannot-rotate': {
    status: 409,
    title: 'The key cannot be rotated now',
    meaning:
      'It has ended, or another key of its line lives beside it: two at a time. Revoke one, or wait for its end.',
  },
  'threshold-limit': {
    status: 409,
    title: 'There are thresholds enough',
    meaning: 'Remove one before another is added.',
  },
  'last-owner': {
    status: 409,
    title: 'Somebody must own the organisation',
    meaning: 'Make another active member an owner first.',
  },
  'job-finished': {
    status: 409,
    title: 'The job is finished',
    meaning: 'A finished job stays as it is; submit a new one.',
  },
  'job-unfinished': {
    status: 409,
    title: 'The job is not finished',
    meaning: 'Only a job that has ended is run again. Wait for its end, or cancel it.',
  },
  'text-gone': {
    status: 409,
    title: 'The text is not stored any more',
    meaning: 'It was deleted after TEXT_RETENTION_DAYS, or its platform kept it. Submit it as a new job.',
  },
  'reference-conflict': {
    status: 409,
    title: 'The reference was used for something else',
    meaning: 'A reference names one payment for ever. Give another one to another payment.',
  },
  'idempotency-in-progress': {
    status: 409,
    title: 'The same request is under way',
    meaning: 'A request with this Idempotency-Key has not ended yet. Ask again in a moment, with the same key.',
  },
  'stale-version': {
    status: 409,
    title: 'Somebody else was faster',
    meaning: 'It changed since the state that If-Match names. GET it again and decide anew.',
  },
  'too-large': {
    status: 413,
    title: 'The request is too large',
    meaning: 'Send a smaller body, fewer headers, or a shorter path. `detail` names the limit.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'The body must be JSON',
    meaning: 'Send Content-Type: application/json in UTF-8, plain or as gzip, deflate or br.',
  },
  timeout: { status: 408, title: 'The request took too long', meaning: 'Send the whole request without long pauses.' },
  validation: {
    status: 422,
    title: 'The request is not valid',
    meaning: '`errors` has one entry per wrong field: a JSON pointer, a code, and what to do.',
  },
  'idempotency-mismatch': {
    status: 422,
    title: 'The key was used for another request',
    meaning: 'An Idempotency-Key stands for one request. Give a new key to a new request.',
  },
  'rate-limited': {
    status: 429,
    title: 'Too many requests',
    meaning: 'Wait as long as Retry-After says.',
  },
  unavailable: {
    status: 503,
    title: 'The service is not available right now',
    meaning:
      'A part that we stand on does not answer. Nothing is lost; ask again after Retry-After, with the same Idempotency-Key.',
  },
  internal: {
    status: 500,
    title: 'Something went wrong on our side',
    meaning: 'Try again; if it stays, tell the operator the request_id.',
  },
}

/** What any route may refuse with. */
const OF_EVERY_ROUTE = ['invalid-query', 'unauthorized', 'forbidden', 'rate-limited', 'internal', 'unavailable']
const OF_EVERY_BODY = ['malformed-json', 'too-large', 'unsupported-media-type', 'validation']

/** The codes of a route, by what its terms say. */
export function problemsOf(terms: {
  readonly scope: string
  readonly params?: object
  readonly list?: boolean
  readonly idempotent?: boolean
  readonly tagged?: boolean
  readonly method: string
  readonly organization?: string
  readonly problems?: readonly string[]
}): readonly string[] {
  const isFound = terms.params !== undefined || terms.organization !== undefined
  return [
    ...OF_EVERY_ROUTE,
    ...(terms.list ? ['invalid-cursor'] : []),
    ...(isFound ? ['not-found'] : []),
    // A body that is not wanted is read, and refused, all the same.
    ...(terms.method === 'get' ? [] : OF_EVERY_BODY),
    ...(terms.idempotent ? ['idempotency-in-progress', 'idempotency-mismatch'] : []),
    ...(terms.tagged && terms.method !== 'get' ? ['stale-version'] : []),
    ...(terms.problems ?? []),
  ]
}
