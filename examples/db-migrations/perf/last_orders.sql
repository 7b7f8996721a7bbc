-- budget: 100
SELECT
    id,
    cents,
    placed_at
FROM orders
WHERE customer_id = 42
ORDER BY placed_at DESC
LIMIT 10;
