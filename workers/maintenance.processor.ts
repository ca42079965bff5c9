import type { Processor } from '../src/queues/delivery.ts'

/**
 * billing.maintenance only shows the sweep's runs; the sweep itself runs from a timer, since it repairs the queue. A card
 * whose time is over ends here, and so leaves the board.
 */
export const maintenanceProcessor: Processor<'billing.maintenance'> = async () => ({ kind: 'ended' })
