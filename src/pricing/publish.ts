import type { FieldError } from '../foundation/errors.ts'
import { MINIMUM_KEY } from './minimum.ts'
import type { Component, ComponentKind, Tariff, Tier } from './tariff.ts'

/** A rate with more steps than this is a list, not a tariff; pricing walks the tiers of a component for every quote. */
const TIERS_MAX = 100

/** The fields that a kind must have; it must not have the others. */
const FIELDS_OF_KIND: Readonly<Record<ComponentKind, readonly SpecificField[]>> = {
  input_tokens: [],
  llm_tokens: ['llm_model', 'token_class'],
  output_tokens: [],
  agent: ['agent'],
  feature: ['feature'],
}
const SPECIFIC_FIELDS = ['llm_model', 'token_class', 'agent', 'feature'] as const
type SpecificField = (typeof SPECIFIC_FIELDS)[number]

/**
 * Why this version cannot be published; empty: it can. Pricing relies on all of it: keys are unique, at most one
 * component prices anything, and every rate prices every position.
 * @returns errors with pointers into the tariff's JSON, such as `/components/0/tiers/1/up_to`, and the contract's codes
 */
export function publishErrors(tariff: Pick<Tariff, 'components'>): readonly FieldError[] {
  return [
    ...tariff.components.flatMap((component, index) => [
      ...fieldErrors(component, `/components/${index}`),
      ...rateErrors(component, `/components/${index}`),
    ]),
    ...duplicateErrors(tariff.components),
  ]
}

function fieldErrors(component: Component, pointer: string): readonly FieldError[] {
  const needed = FIELDS_OF_KIND[component.kind]
  return SPECIFIC_FIELDS.flatMap((field) => {
    const given = specific(component, field) !== null
    if (given === needed.includes(field)) return []
    return given
      ? [error(`${pointer}/${field}`, 'invalid-value', `Leave ${field} out: a component of ${component.kind} has none`)]
      : [error(`${pointer}/${field}`, 'required', `Give ${field}: a component of ${component.kind} needs it`)]
  })
}

function specific(component: Component, field: SpecificField): string | null {
  switch (field) {
    case 'llm_model':
      return component.llmModel
    case 'token_class':
      return component.tokenClass
    case 'agent':
      return component.agent
    case 'feature':
      return component.feature
  }
}

function rateErrors(component: Component, pointer: string): readonly FieldError[] {
  const errors: FieldError[] = []
  if (!Number.isSafeInteger(component.per) || component.per < 1) {
    errors.push(error(`${pointer}/per`, 'invalid-value', 'Give per as an integer of at least 1'))
  }
  if (!Number.isSafeInteger(component.included) || component.included < 0) {
    errors.push(error(`${pointer}/included`, 'invalid-value', 'Give included as an integer of at least 0'))
  }
  if (component.price !== null && component.price < 0n) {
    errors.push(error(`${pointer}/price`, 'invalid-value', 'Give a price of at least 0'))
  }
  const { model, price, tiers } = component
  if (model === 'graduated' || model === 'volume') {
    if (price !== null) errors.push(error(`${pointer}/price`, 'invalid-value', `Leave price out: ${model} has tiers`))
    if (tiers === null)
      errors.push(error(`${pointer}/tiers`, 'invalid-tiers', `Give tiers: ${model} is priced by them`))
    else errors.push(...tierErrors(tiers, `${pointer}/tiers`))
    return errors
  }
  if (price === null) errors.push(error(`${pointer}/price`, 'required', `Give a price: ${model} needs one`))
  if (tiers !== null) errors.push(error(`${pointer}/tiers`, 'invalid-tiers', `Leave tiers out: ${model} has a price`))
  return errors
}

function tierErrors(tiers: readonly Tier[], pointer: string): readonly FieldError[] {
  if (tiers.length === 0) return [error(pointer, 'invalid-tiers', 'Give at least one tier')]
  if (tiers.length > TIERS_MAX) return [error(pointer, 'invalid-tiers', `Give at most ${TIERS_MAX} tiers`)]
  const errors: FieldError[] = []
  let previous = 0
  tiers.forEach(({ upTo, price }, index) => {
    const at = `${pointer}/${index}`
    const isLast = index === tiers.length - 1
    if (price < 0n) errors.push(error(`${at}/price`, 'invalid-value', 'Give a price of at least 0'))
    if (isLast !== (upTo === null)) {
      const detail = isLast ? 'Give null: the last tier has no end' : 'Give a number: only the last tier has no end'
      errors.push(error(`${at}/up_to`, 'invalid-tiers', detail))
    } else if (upTo !== null && (!Number.isSafeInteger(upTo) || upTo <= previous)) {
      errors.push(error(`${at}/up_to`, 'invalid-tiers', `Give an integer above ${previous}, where the tier begins`))
    }
    previous = Math.max(previous, upTo ?? previous)
  })
  return errors
}

/** The later one of two components that cannot stand together is named, with the earlier one in the sentence. */
function duplicateErrors(components: readonly Component[]): readonly FieldError[] {
  const errors: FieldError[] = []
  const keys = new Map<string, number>()
  const meters = new Map<string, number>()
  components.forEach((component, index) => {
    const pointer = `/components/${index}`
    const sameKey = keys.get(component.key)
    if (component.key === MINIMUM_KEY) {
      const detail = 'Choose another key: receipts call the minimum of a job by this one'
      errors.push(error(`${pointer}/key`, 'duplicate-key', detail))
    } else if (sameKey === undefined) keys.set(component.key, index)
    else
      errors.push(error(`${pointer}/key`, 'duplicate-key', `Choose another key: component ${sameKey} has it already`))

    const meter = JSON.stringify([component.kind, ...FIELDS_OF_KIND[component.kind].map((f) => specific(component, f))])
    const sameMeter = meters.get(meter)
    if (sameMeter === undefined) meters.set(meter, index)
    else {
      const field = FIELDS_OF_KIND[component.kind].at(-1) ?? 'kind'
      const detail = `Remove one: component ${sameMeter} prices the same already`
      errors.push(error(`${pointer}/${field}`, 'invalid-value', detail))
    }
  })
  return errors
}

function error(pointer: string, code: string, detail: string): FieldError {
  return { pointer, code, detail }
}
