-- +goose Up
-- What a person paid, for the copy of their data and its erasure.
CREATE INDEX ON sales.payment (person) WHERE person IS NOT NULL;

-- +goose Down
DROP INDEX sales.payment_person_idx;
