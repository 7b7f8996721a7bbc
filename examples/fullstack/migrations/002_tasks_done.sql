ALTER TABLE tasks ADD COLUMN done_at timestamptz;
