// A platform that sells more than tokens: it charges a feature from its own code, outside of any job, once under its key.
import { connect, featureChargeToJson, InsufficientBalanceError } from '#tollkeeper'

await using billing = await connect({ workers: false })

// The key names what is charged. Sent again, after a crash or a lost answer, it answers what is stored and takes nothing.
const key = 'scan of invoice 4711'
try {
  const charge = await billing.chargeFeature('org-id', 'ocr-page', 3, key)
  console.log(charge.replayed ? 'charged before:' : 'charged:', featureChargeToJson(charge))
} catch (error) {
  if (!(error instanceof InsufficientBalanceError)) throw error
  console.log(`not charged: ${error.message}`)
}
