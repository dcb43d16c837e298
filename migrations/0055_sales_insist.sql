-- +goose Up
-- Whoever writes in one message cannot look at a result before it is committed:
-- what must hold is insisted on. The objection is a CHECK's, so that it is treated as one.
-- +goose StatementBegin
CREATE FUNCTION sales.insist(holds bool) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    IF holds IS NOT TRUE THEN
        RAISE EXCEPTION 'not as it was hoped' USING ERRCODE = 'check_violation';
    END IF;
    RETURN true;
END $$;
-- +goose StatementEnd
-- +goose Down
DROP FUNCTION sales.insist(bool);
