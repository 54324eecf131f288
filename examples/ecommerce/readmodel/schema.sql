-- The read model of the example. It holds nothing that the events do not: drop it, and the populator's checkpoint, and
-- the populator fills it again.
CREATE SCHEMA IF NOT EXISTS shop;

CREATE TABLE IF NOT EXISTS shop.orders (
    id                uuid PRIMARY KEY,
    status            text NOT NULL,
    items             json NOT NULL,        -- [{"id", "name"}], in the order in which they were added
    total_price       bigint NOT NULL,      -- in minor units, 0 before the checkout
    order_date        timestamptz,          -- NULL before the checkout
    checkout_position bigint NOT NULL,      -- 0 before the checkout
    version           bigint NOT NULL
);

-- Serves the list of orders, which shows checked-out ones only.
CREATE INDEX IF NOT EXISTS orders_by_checkout ON shop.orders (checkout_position) WHERE checkout_position > 0;
