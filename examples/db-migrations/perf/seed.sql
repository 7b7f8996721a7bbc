INSERT INTO customers (email)
SELECT 'customer' || n || '@example.com' AS email FROM generate_series(1, 2000) AS n;

INSERT INTO orders (customer_id, cents, placed_at)
SELECT
    1 + n % 2000 AS customer_id,
    100 + n % 900 AS cents,
    now() - n * interval '1 minute' AS placed_at
FROM generate_series(1, 60000) AS n;

ANALYZE customers, orders;
