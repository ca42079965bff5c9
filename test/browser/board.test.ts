import { accessSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { type Service, startService } from '../../src/main.ts'
import { component, eventually, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

const CHROMIUM = '/usr/bin/chromium'
const HOSTILE = fileURLToPath(new URL('../fixtures/agents/hostile-agent.ts', import.meta.url))
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update']

/** Without Chromium (never in CI) these say that they are skipped. */
function hasChromium(): boolean {
  try {
    accessSync(CHROMIUM)
    return true
  } catch {
    if (process.env.CI === 'true') throw new Error('CI needs chromium; install it and run again')
    console.warn(`SKIPPED: the browser suite, because there is no ${CHROMIUM}`)
    return false
  }
}

describe.runIf(hasChromium())('the board in a real browser', () => {
  let world: World
  let service: Service
  let browser: Browser
  let page: Page
  const complaints: string[] = []
  const foreign: string[] = []
  let charged = ''
  let rejected = ''
  let failed = ''

  beforeAll(async () => {
    world = await openWorld('postgres')
    service = await startService(readConfig({ ...world.env, PORT: '0', AGENTS_MODULE: HOSTILE }))
    const { tollkeeper } = service
    const fees = ['extractor', 'summarizer'].map((agent) => component(agent, { kind: 'agent', agent }, '1.00'))
    await fundedOrganization(tollkeeper, 'acme', '2.50', fees)
    const text = 'The ferry leaves at noon. It costs $4.50 <script>document.title = "owned"</script>.'
    const submit = async (state: string, agents: readonly string[] | null = null): Promise<string> => {
      const { id } = await tollkeeper.service.submit({ organizationId: 'acme', text, agents })
      await eventually(
        () => tollkeeper.service.find(id),
        (job) => job.state === state,
      )
      return id
    }
    failed = await submit('failed', ['hostile'])
    charged = await submit('charged')
    rejected = await submit('rejected_for_balance')
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS })
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().includes('fonts.googleapis.com'))
        complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('response', (response) => {
      if (new URL(response.url()).origin !== service.url) foreign.push(response.url())
    })
  }, 90_000)
  afterAll(async () => {
    await browser?.close()
    await service?.stop()
    await world?.close()
  })

  const open = async (queue: string, status: string): Promise<string> => {
    await page.goto(`${service.url}/admin/queues/queue/${encodeURIComponent(queue)}?status=${status}`)
    await page.getByText('acme').first().waitFor()
    return (await page.locator('body').innerText()).replaceAll(/\s+/g, ' ')
  }

  it('says queued, charged and rejected in our words, in two groups', async () => {
    await page.goto(`${service.url}/admin/queues`)
    await page.getByText('rejected-for-balance').first().waitFor()
    const text = (await page.locator('body').innerText()).toLowerCase()
    for (const word of ['pipeline', 'billing', 'input', 'agent', 'output']) expect(text).toContain(word)
    const shown = await open('pipeline.output', 'completed')
    expect(shown).toMatch(/queued/i)
    expect(shown).toMatch(/charged/i)
    expect(shown).toMatch(/rejected or failed/i)
  })

  it('shows what a charged stage cost, on a card that names its organisation', async () => {
    const shown = await open('pipeline.output', 'completed')
    expect(shown).toMatch(/acme · output · \d+ tokens · charged 0.00 USD/)
    expect(shown).toContain(charged)
    expect(shown).not.toContain(rejected)
  })

  it('shows why a rejected job waits, and what unlocks it', async () => {
    const shown = await open('billing.rejected-for-balance', 'failed')
    expect(shown).toContain('acme · input · needs 2.00 USD, 0.50 available, short by 1.50; a top-up resumes it')
    expect(shown).not.toContain(charged)
  })

  it('job error of 5 MB with `<img onerror>` → cut, inert in a real browser', async () => {
    const queue = service.tollkeeper.queues.boardQueues().find(({ name }) => name === 'pipeline.agent')
    const [card] = (await queue?.getFailed()) ?? []
    expect(card?.data).toMatchObject({ jobId: failed, stage: 'agent.hostile' })
    expect(card?.failedReason).toMatch(/^.{0,100}<img src=x onerror=/)
    expect(JSON.stringify(card?.asJSON()).length).toBeLessThan(10_000)
    await open('pipeline.agent', 'failed')
    await page.goto(`${service.url}/admin/queues/queue/pipeline.agent/${encodeURIComponent(card?.id ?? '')}`)
    await page
      .getByText(card?.id ?? 'no card')
      .first()
      .waitFor()
    await page.getByText('<img src=x onerror=').first().waitFor()
    expect(await page.locator('img[onerror]').count()).toBe(0)
    expect(await page.title()).not.toBe('owned')
    expect((await page.content()).length).toBeLessThan(1_000_000)
  })

  it('runs without an error, without another host, and without running what a customer wrote', async () => {
    expect(complaints).toEqual([])
    expect(foreign).toEqual([])
    expect(await page.title()).not.toBe('owned')
  })
})
