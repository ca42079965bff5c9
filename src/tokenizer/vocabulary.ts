/** The rank of bytes that are no token. Above every rank, so that the lowest of several needs no exception. */
export const NO_RANK = 0x7fffffff

/** The longest token of every encoding, in bytes; longer ones are not looked up. */
const TOKEN_BYTES_MAX = 128

const HASH_FACTOR = 0x01000193
const SPREAD = 0x9e3779b1
/** Of 2²¹ bits the 200,000 tokens of o200k_base set one in ten, and their 256 KB stay in a core's own cache. */
const FILTER_BITS = 21
/** At 200,000 tokens less than two in five are taken, so that a search ends at the second slot on average. */
const SLOTS_BITS = 19
const SLOTS = 2 ** SLOTS_BITS

/** `HASH_FACTOR` to the power of a length. */
const powers = new Int32Array(TOKEN_BYTES_MAX + 1)
powers[0] = 1
for (let length = 1; length <= TOKEN_BYTES_MAX; length++) {
  powers[length] = Math.imul(powers[length - 1] as number, HASH_FACTOR)
}

/** The hash of some bytes and one more. That of none is 0. */
export const hashOn = (hash: number, byte: number): number => (Math.imul(hash, HASH_FACTOR) + byte) | 0

/** The bit of a hash in the filter. */
const bitOf = (hash: number): number => Math.imul(hash ^ (hash >>> 15), SPREAD) >>> (32 - FILTER_BITS)
/** The slot of a hash, where its search begins, by that bit. */
const slotOf = (bit: number): number => bit >>> (FILTER_BITS - SLOTS_BITS)

/** The tokens of an encoding: which bytes are one, of which rank. Bytes are looked up where they stand, without strings. */
export class Vocabulary {
  /** Rank of each token of two bytes, by `first · 256 + second`. Public: merging begins with one for each byte. */
  readonly pairs = new Int32Array(2 ** 16).fill(NO_RANK)
  readonly #bytes: Uint8Array
  readonly #ends: Uint32Array
  /** The bits of all tokens. Most bytes that are looked up are no token, and end here: the slots are far in memory. */
  readonly #filter = new Uint8Array(2 ** (FILTER_BITS - 3))
  /** Per slot a hash and `rank + 1`; 0 there is an empty slot. */
  readonly #slots = new Int32Array(2 * SLOTS)

  /**
   * @param bytes those of all tokens, in the order of their ranks
   * @param ends where the token of each rank ends in them
   */
  constructor(bytes: Uint8Array, ends: Uint32Array) {
    this.#bytes = bytes
    this.#ends = ends
    let start = 0
    for (const [rank, end] of ends.entries()) {
      if (end - start === 2) this.pairs[((bytes[start] as number) << 8) | (bytes[start + 1] as number)] = rank
      this.#insert(start, end, rank)
      start = end
    }
  }

  #insert(start: number, end: number, rank: number): void {
    let hash = 0
    for (let at = start; at < end; at++) hash = hashOn(hash, this.#bytes[at] as number)
    const bit = bitOf(hash)
    this.#filter[bit >>> 3] = (this.#filter[bit >>> 3] as number) | (1 << (bit & 7))
    let slot = slotOf(bit)
    while (this.#slots[2 * slot + 1] !== 0) slot = (slot + 1) % SLOTS
    this.#slots[2 * slot] = hash
    this.#slots[2 * slot + 1] = rank + 1
  }

  /** Rank of the bytes from `start` to before `end`, NO_RANK when they are no token. */
  rankOf(bytes: Uint8Array, start: number, end: number): number {
    if (end - start > TOKEN_BYTES_MAX) return NO_RANK
    let hash = 0
    for (let at = start; at < end; at++) hash = hashOn(hash, bytes[at] as number)
    return this.#search(hash, bytes, start, end)
  }

  /**
   * The same in a time that does not depend on the length, unless it is a token.
   * @param before the hash of the bytes up to `start`, from wherever
   * @param through the hash of these and of the `length` bytes from `start` on
   */
  rankByHashes(before: number, through: number, bytes: Uint8Array, start: number, length: number): number {
    if (length > TOKEN_BYTES_MAX) return NO_RANK
    const hash = (through - Math.imul(before, powers[length] as number)) | 0
    return this.#search(hash, bytes, start, start + length)
  }

  #search(hash: number, bytes: Uint8Array, start: number, end: number): number {
    const bit = bitOf(hash)
    if (((this.#filter[bit >>> 3] as number) & (1 << (bit & 7))) === 0) return NO_RANK
    const slots = this.#slots
    for (let slot = slotOf(bit); ; slot = (slot + 1) % SLOTS) {
      const rank = (slots[2 * slot + 1] as number) - 1
      if (rank < 0) return NO_RANK
      if (slots[2 * slot] === hash && this.#isToken(rank, bytes, start, end)) return rank
    }
  }

  #isToken(rank: number, bytes: Uint8Array, start: number, end: number): boolean {
    const token = this.#bytes
    let from = rank === 0 ? 0 : (this.#ends[rank - 1] as number)
    if ((this.#ends[rank] as number) - from !== end - start) return false
    for (let at = start; at < end; at++, from++) if (bytes[at] !== token[from]) return false
    return true
  }
}
