CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers (id),
    cents integer NOT NULL CHECK (cents > 0),
    placed_at timestamptz NOT NULL DEFAULT now()
);
