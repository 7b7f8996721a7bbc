// An order, read from untrusted JSON. An order that parsed can be priced.

import { goods } from './goods.js';

export interface Line {
  readonly sku: string;
  readonly quantity: number;
}

export interface Order {
  readonly customer: string;
  readonly lines: readonly Line[];
}

// Names the field at fault, as a path into the JSON.
export class OrderError extends Error {
  override name = 'OrderError';
}

const MOST_OF_ONE = 1000;

export function parseOrder(value: unknown): Order {
  const { customer, lines } = fields(value, 'order');
  if (typeof customer !== 'string' || customer.trim() === '') {
    throw new OrderError('customer: a name is needed');
  }
  if (!Array.isArray(lines) || lines.length === 0) {
    throw new OrderError('lines: at least one line is needed');
  }
  return { customer: customer.trim(), lines: lines.map((line, at) => parseLine(line, `lines[${at}]`)) };
}

// The price of all lines, in cents.
export function orderTotal(order: Order): number {
  return order.lines.reduce((sum, { sku, quantity }) => sum + good(sku, 'sku').cents * quantity, 0);
}

function parseLine(value: unknown, at: string): Line {
  const { sku, quantity } = fields(value, at);
  if (typeof quantity !== 'number' || !Number.isInteger(quantity) || quantity < 1 || quantity > MOST_OF_ONE) {
    throw new OrderError(`${at}.quantity: a whole number from 1 to ${MOST_OF_ONE} is needed`);
  }
  return { sku: good(sku, `${at}.sku`).sku, quantity };
}

function good(sku: unknown, at: string) {
  const found = typeof sku === 'string' ? goods.get(sku) : undefined;
  if (found === undefined) {
    throw new OrderError(`${at}: one of ${[...goods.keys()].join(', ')} is needed`);
  }
  return found;
}

function fields(value: unknown, at: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new OrderError(`${at}: an object is needed`);
  }
  return value as Record<string, unknown>;
}
