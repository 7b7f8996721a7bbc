// One job: the text of an order in, its price or the reason it was refused out.

import { formatMoney, OrderError, orderTotal, parseOrder } from '@demo/shared';

export type Result =
  | { readonly job: string; readonly state: 'priced'; readonly customer: string; readonly total: string }
  | { readonly job: string; readonly state: 'refused'; readonly reason: string };

export function priceJob(job: string, text: string): Result {
  try {
    const order = parseOrder(JSON.parse(text));
    return { job, state: 'priced', customer: order.customer, total: formatMoney(orderTotal(order)) };
  } catch (error) {
    if (error instanceof OrderError) {
      return { job, state: 'refused', reason: error.message };
    }
    if (error instanceof SyntaxError) {
      return { job, state: 'refused', reason: 'order: not JSON' };
    }
    throw error;
  }
}
