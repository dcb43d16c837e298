-- +goose Up
UPDATE proximity.policy SET name = 'segments' WHERE name = 'segment';

-- +goose Down
UPDATE proximity.policy SET name = 'segment' WHERE name = 'segments';
