-- The ways to and from stalls of a whole event, published once when it is over: the layout
-- report is made of them.
-- +goose Up
ALTER TABLE proximity.picture DROP CONSTRAINT picture_product_check,
    ADD CONSTRAINT picture_product_check CHECK (product IN ('heat', 'flow', 'errands'));

-- +goose Down
DELETE FROM proximity.picture WHERE product = 'errands';
ALTER TABLE proximity.picture DROP CONSTRAINT picture_product_check,
    ADD CONSTRAINT picture_product_check CHECK (product IN ('heat', 'zones', 'flow'));
