-- budget: 20
SELECT id FROM customers
WHERE email = 'customer7@example.com';
