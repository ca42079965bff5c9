import { Command } from 'commander'
import type { Config } from '../config/config.ts'
import { tellDemo } from './demo-story.ts'
import { createNarrator } from './narrator.ts'
import { printJson, sessionOf, withTollkeeper } from './session.ts'

export function demoCommand(): Command {
  return new Command('demo')
    .description('Process a real text and show stages, charges, a rejected job, a top-up, its resume and the receipts')
    .addHelpText('after', HELP)
    .action(async (_options: unknown, command: Command) => {
      const { json, config } = sessionOf(command)
      const narrator = createNarrator(json)
      narrator.begin('Tollkeeper: charged, rejected, topped up, resumed')
      const starting = narrator.progress()
      starting.at(0, 0, 'starting the database and the workers')
      const startedAt = performance.now()
      const ready = (): void => {
        starting.end()
        const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
        narrator.step(`Ready in ${seconds} s: ${whereOf(config)}`)
      }
      const told = await withTollkeeper(config, (tollkeeper) => tellDemo(tollkeeper, narrator, ready)).finally(() => {
        starting.end()
      })
      if (json) printJson(told)
      else narrator.end('The demo leaves nothing running. Next: npm start, and the board at /admin/queues')
    })
}

function whereOf({ databaseUrl, redisUrl }: Config): string {
  const database = databaseUrl === undefined ? 'a PostgreSQL of its own' : 'the PostgreSQL of DATABASE_URL'
  return `${database}, ${redisUrl === undefined ? 'the queue in it' : 'the queue in Redis'}`
}

const HELP = `
Each run makes a plan and an organisation of its own (demo-...), on the database that everything else uses, too: the
embedded one in .data, or DATABASE_URL. No model is called and nothing leaves this machine.

Examples:
  tollkeeper demo
  tollkeeper demo --json
  DATA_DIR=$(mktemp -d) tollkeeper demo                  on a database of its own`
