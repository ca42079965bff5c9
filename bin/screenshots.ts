import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { readConfig } from '../src/config/config.ts'
import { type Service, startService } from '../src/main.ts'
import { parseAmount } from '../src/pricing/money.ts'

// Takes the pictures of docs/images from a system of its own: some jobs are charged, some rejected for balance.
//   node bin/screenshots.ts [path of a Chromium]
const ROOT = join(import.meta.dirname, '..')
const IMAGES = join(ROOT, 'docs', 'images')
const BROWSERS = [process.argv[2], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const TEXT = readFileSync(join(ROOT, 'src', 'cli', 'demo-text.txt'), 'utf8')
/** Who submits how many jobs with how much money: the last one runs out of it. */
const CUSTOMERS = [
  { id: 'harbour-council', jobs: 6, amount: '1.00' },
  { id: 'acme', jobs: 5, amount: '1.00' },
  { id: 'tram-museum', jobs: 4, amount: '0.0101' },
] as const

const dataDir = mkdtempSync(join(tmpdir(), 'tollkeeper-pictures-'))
// PostgreSQL's account must reach it when this runs as root.
chmodSync(dataDir, 0o755)
const executablePath = BROWSERS.find((path) => path !== undefined && existsSync(path))
if (executablePath === undefined) throw new Error('No Chromium is found; give its path as the argument')
const service = await startService(readConfig({ DATA_DIR: dataDir, PORT: '0', LOG_LEVEL: 'warn' }))
let browser: Browser | undefined
try {
  await work(service)
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  const page = await browser.newPage({ viewport: { width: 1280, height: 640 }, colorScheme: 'light' })
  await take(page, '/admin/queues', 'board.png')
  await take(page, '/admin/queues/queue/billing.rejected-for-balance?status=failed', 'board-rejected.png')
  await page.setViewportSize({ width: 1280, height: 960 })
  await take(page, '/docs', 'api.png')
} finally {
  await browser?.close()
  await service.stop()
  rmSync(dataDir, { recursive: true, force: true })
}

async function work({ tollkeeper }: Service): Promise<void> {
  const { inTransaction, em, organizations, balances, service: jobs, watcher } = tollkeeper
  const { tariffId } = await organizations.find(em(), 'org-id')
  for (const { id, jobs: count, amount } of CUSTOMERS) {
    const organization = { id, name: id, currency: 'USD', tariffId, tariffVersion: null, overdraftLimit: 0n }
    await inTransaction((manager) => organizations.create(manager, organization))
    await balances.topUp(id, { amount: parseAmount(amount), reference: 'first', note: null })
    for (let index = 0; index < count; index += 1) {
      const job = await jobs.submit({ organizationId: id, text: TEXT })
      await watcher.until(job.id, ({ state }) => state === 'charged' || state === 'rejected_for_balance')
    }
  }
}

async function take(page: Page, path: string, name: string): Promise<void> {
  await page.goto(`${service.url}${path}`)
  // The board polls; its pictures are complete once its first answer is drawn.
  await page.waitForTimeout(2_500)
  // A card's error comes with the place in the code, which is a path of this machine.
  for (const tab of await page.getByText('Data', { exact: true }).all()) await tab.click()
  await page.mouse.move(1_270, 400)
  await page.mouse.wheel(0, -10_000)
  await page.waitForTimeout(500)
  await page.screenshot({ path: join(IMAGES, name) })
  console.log(`docs/images/${name}`)
}
