import { defineEntity, p } from '@mikro-orm/core'

const SecretSchema = defineEntity({
  name: 'Secret',
  tableName: 'secrets',
  properties: {
    name: p.text().primary(),
    value: p.blob(),
  },
})

/** What all processes of an installation know and nobody else. */
class Secret extends SecretSchema.class {}
SecretSchema.setClass(Secret)

export { SecretSchema }
