/**
 * The one root of every error that a caller may meet. `code` is the slug of contract.md, `status` the HTTP status that
 * the admin API answers with, `message` a sentence that tells the reader what to do.
 */
export class TollkeeperError extends Error {
  readonly code: string
  readonly status: number

  constructor(code: string, status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
    this.status = status
  }
}

/** One field that is wrong. `pointer` is an RFC 6901 pointer into the request body, `""` for the body itself. */
export interface FieldError {
  readonly pointer: string
  readonly code: string
  readonly detail: string
}

/** 422: the request is understood, but means nothing we can do. Each error names its field. */
export class ValidationError extends TollkeeperError {
  readonly errors: readonly FieldError[]

  constructor(errors: readonly FieldError[]) {
    super('validation', 422, errors.map((error) => error.detail).join('; '))
    this.errors = errors
  }

  static of(pointer: string, code: string, detail: string): ValidationError {
    return new ValidationError([{ pointer, code, detail }])
  }
}

/** 404: missing, or somebody else's: the two look the same from outside. */
export class NotFoundError extends TollkeeperError {
  constructor(message = 'Nothing is found here; check the id') {
    super('not-found', 404, message)
  }
}

/** 409: the thing exists, but not in a state that allows this. `code` is one of the 409 slugs of contract.md. */
export class ConflictError extends TollkeeperError {
  constructor(code: string, message: string) {
    super(code, 409, message)
  }
}

/** 403: known, but not allowed. */
export class ForbiddenError extends TollkeeperError {
  constructor(code: 'forbidden' | 'not-a-member', message: string) {
    super(code, 403, message)
  }
}

/** A setting that we cannot start with; says which variable and what it should be. */
export class ConfigurationError extends TollkeeperError {
  constructor(message: string) {
    super('configuration', 500, message)
  }
}

/** 503: something that we stand on does not answer; trying again later is right. */
export class UnavailableError extends TollkeeperError {
  constructor(message: string, options?: ErrorOptions) {
    super('unavailable', 503, message, options)
  }
}
