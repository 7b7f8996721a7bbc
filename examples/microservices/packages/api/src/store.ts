// Orders taken since the process started, oldest first out when there are too many.

import { randomUUID } from 'node:crypto';
import { orderTotal, type Order } from '@demo/shared';

export interface Taken extends Order {
  readonly id: string;
  readonly cents: number;
}

export class OrderStore {
  readonly #orders = new Map<string, Taken>();
  readonly #capacity: number;

  constructor(capacity = 1000) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#orders.size;
  }

  add(order: Order): Taken {
    const taken = { id: randomUUID(), cents: orderTotal(order), ...order };
    this.#orders.set(taken.id, taken);
    if (this.#orders.size > this.#capacity) {
      const [oldest] = this.#orders.keys();
      this.#orders.delete(oldest as string);
    }
    return taken;
  }

  get(id: string): Taken | undefined {
    return this.#orders.get(id);
  }
}
