// The example of the README: a text goes in, a result and a receipt come out.
import { BilledInformationPipeline, connect } from '#tollkeeper'

await using billing = await connect() // embedded default, or DATABASE_URL / REDIS_URL
const pipeline = new BilledInformationPipeline(billing, 'org-id', 'user-id')
const result = await pipeline.process('Sample input data')
console.log(result.text, result.receipt)
