import { createHmac, timingSafeEqual } from 'node:crypto'
import { TollkeeperError } from '../foundation/errors.ts'

/** The part of a list that is asked for: so many, from behind this place (null: from the beginning). */
export interface Page {
  readonly limit: number
  readonly position: readonly (string | number)[] | null
}

/** Where a page begins; without all of it there is no such page. */
export type Position = readonly (string | number | null | undefined)[]

const SIGNATURE_BYTES = 16
const CURSOR_LENGTH_MAX = 512

/**
 * Places in lists as opaque texts, signed for the one list, its owner and its filters: a cut, edited or borrowed one is
 * an error instead of a silently wrong page. Every process of an installation has the same secret.
 */
export class Cursors {
  readonly #secret: Buffer

  constructor(secret: Buffer) {
    this.#secret = secret
  }

  /** @param list what is listed, such as `ledger acme` */
  write(list: string, position: Position): string | null {
    if (position.length === 0 || position.some((part) => part === null || part === undefined)) return null
    const text = JSON.stringify(position)
    return Buffer.concat([this.#sign(list, text), Buffer.from(text)]).toString('base64url')
  }

  /** @throws TollkeeperError 400 `invalid-cursor` */
  read(list: string, cursor: string): readonly (string | number)[] {
    const bytes = Buffer.from(cursor.slice(0, CURSOR_LENGTH_MAX), 'base64url')
    const [signature, text] = [bytes.subarray(0, SIGNATURE_BYTES), bytes.subarray(SIGNATURE_BYTES).toString()]
    const isWhole = signature.length === SIGNATURE_BYTES && bytes.toString('base64url') === cursor
    if (!isWhole || !timingSafeEqual(signature, this.#sign(list, text))) {
      const detail = 'Give next_cursor of the page before, unchanged, with the same filters'
      throw new TollkeeperError('invalid-cursor', 400, detail)
    }
    return JSON.parse(text) as readonly (string | number)[]
  }

  #sign(list: string, text: string): Buffer {
    return createHmac('sha256', this.#secret).update(`${list}\n${text}`).digest().subarray(0, SIGNATURE_BYTES)
  }
}
