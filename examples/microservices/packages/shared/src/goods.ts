// What the shop sells. Prices are in cents.

export interface Good {
  readonly sku: string;
  readonly name: string;
  readonly cents: number;
}

export const goods: ReadonlyMap<string, Good> = new Map(
  [
    { sku: 'chair', name: 'Oak chair', cents: 8950 },
    { sku: 'lamp', name: 'Reading lamp', cents: 3400 },
    { sku: 'nail', name: 'Nails & hooks', cents: 5 },
  ].map((good) => [good.sku, good]),
);
