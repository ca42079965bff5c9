import { Command } from 'commander'
import { startService, untilStopped } from '../main.ts'
import { print, printJson, sessionOf } from './session.ts'

export function startCommand(): Command {
  return new Command('start')
    .description(
      'Run the API, the board and the workers in this process (ROLE=api or worker: only a part) until Ctrl-C',
    )
    .addHelpText('after', HELP)
    .action(async (_options: unknown, command: Command) => {
      const { json, config } = sessionOf(command, 'info')
      const stopped = untilStopped()
      const service = await startService(config)
      try {
        const board = service.url === null ? null : `${service.url}/admin/queues`
        if (json) printJson({ url: service.url, board, role: config.role })
        else print(welcome(service.url, config.adminApiKey === undefined, config.databaseUrl === undefined))
        await stopped
      } finally {
        await service.stop()
      }
    })
}

function welcome(url: string | null, open: boolean, embedded: boolean): string {
  if (url === null) return 'The workers run. Ctrl-C stops them when their stages are done.'
  const key = open ? '' : ' \\\n      -H "Authorization: Bearer $ADMIN_API_KEY"'
  const organization = embedded ? 'org-id' : '<organisation>'
  return `
  API    ${url}/api/v1
  Board  ${url}/admin/queues

  Next, in another terminal:
    tollkeeper submit <file> --organization ${organization} --wait
    curl '${url}/api/v1/balance?organization_id=${organization}'${key}
  (in the repository: npm run tollkeeper -- submit ...)

  Ctrl-C stops it; running stages are finished first.
`
}

const HELP = `
Examples:
  tollkeeper start                                       everything, from the folder .data
  PORT=8080 tollkeeper start
  ROLE=worker REDIS_URL=redis://... DATABASE_URL=postgresql://... tollkeeper start
  HOST=0.0.0.0 ADMIN_API_KEY=... tollkeeper start        wider than this machine needs a key`
