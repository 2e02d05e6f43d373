// From the click on Join to the first picture of the room.
import { test, expect, type Browser } from '@playwright/test'
import { startAppliance, type Appliance } from '../support/appliance.ts'
import { launch, person } from '../support/browser.ts'
import { ms, publish, summary } from './figures.ts'

/** In a browser that has joined before: a fresh context each, as for a private window. */
const warmJoins = 12
/** In a browser that was just started. */
const freshJoins = 6

interface Times {
  readonly welcome: number
  readonly connected: number
  readonly picture: number
}

let appliance: Appliance
test.beforeAll(async () => { appliance = await startAppliance('[room]\nname = "Bench"\n') })
test.afterAll(async () => { await appliance.stop() })

async function joined(browser: Browser): Promise<Times> {
  const { context, page } = await person(browser, { colour: 'rgb(40 160 80)', tone: 500 })
  await page.goto(appliance.joinUrl)
  await page.getByTestId('name').fill('Bench')
  await page.getByTestId('join').click()
  const times = () => page.evaluate(() => ({ ...window.alcove.times }))
  await expect.poll(async () => (await times()).picture).not.toBeNull()
  const found = await times()
  await context.close()
  return found
}

test('click on Join to the first remote picture', async () => {
  const warm: Times[] = []
  const browser = await launch()
  await joined(browser)
  for (let at = 0; at < warmJoins; at++) warm.push(await joined(browser))
  await browser.close()

  const fresh: Times[] = []
  for (let at = 0; at < freshJoins; at++) {
    const started = await launch()
    fresh.push(await joined(started))
    await started.close()
  }

  const of = (all: readonly Times[]) => ({
    welcome_ms: summary(all.map((one) => one.welcome)),
    connected_ms: summary(all.map((one) => one.connected)),
    picture_ms: summary(all.map((one) => one.picture)),
    all,
  })
  const measured = { warm_browser: of(warm), fresh_browser: of(fresh) }
  const line = (name: string, { welcome_ms, connected_ms, picture_ms }: ReturnType<typeof of>) => [
    `click to first picture, ${name} (goal 300 ms)`,
    `median ${ms(picture_ms.median)}, p95 ${ms(picture_ms.p95)} (welcome ${ms(welcome_ms.median)}, connected ${ms(connected_ms.median)})`,
  ] as const
  publish('join', measured, [line('warm browser', measured.warm_browser), line('fresh browser', measured.fresh_browser)])
})
