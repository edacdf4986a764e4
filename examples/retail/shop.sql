-- The shop's tables. Amounts are whole cents; options and lists of items are JSON.

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    email TEXT NOT NULL UNIQUE COLLATE NOCASE,
    address1 TEXT NOT NULL,
    address2 TEXT NOT NULL,
    city TEXT NOT NULL,
    state TEXT NOT NULL,
    country TEXT NOT NULL,
    zip TEXT NOT NULL
);

CREATE TABLE payment_methods (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    source TEXT NOT NULL CHECK (source IN ('gift_card', 'paypal', 'credit_card')),
    brand TEXT,
    last_four TEXT,
    balance_cents INTEGER CHECK (balance_cents >= 0)
);
CREATE INDEX payment_methods_by_user ON payment_methods (user_id);

CREATE TABLE products (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL
);

CREATE TABLE variants (
    item_id TEXT PRIMARY KEY,
    product_id TEXT NOT NULL REFERENCES products (id),
    options TEXT NOT NULL,
    available INTEGER NOT NULL CHECK (available IN (0, 1)),
    price_cents INTEGER NOT NULL
);
CREATE INDEX variants_by_product ON variants (product_id);

CREATE TABLE orders (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    status TEXT NOT NULL,
    address1 TEXT NOT NULL,
    address2 TEXT NOT NULL,
    city TEXT NOT NULL,
    state TEXT NOT NULL,
    country TEXT NOT NULL,
    zip TEXT NOT NULL,
    cancel_reason TEXT,
    return_items TEXT,
    return_payment_method_id TEXT,
    exchange_items TEXT,
    exchange_new_items TEXT,
    exchange_payment_method_id TEXT,
    exchange_difference_cents INTEGER
);
CREATE INDEX orders_by_user ON orders (user_id);

CREATE TABLE order_items (
    order_id TEXT NOT NULL REFERENCES orders (id),
    position INTEGER NOT NULL,
    item_id TEXT NOT NULL,
    product_id TEXT NOT NULL REFERENCES products (id),
    name TEXT NOT NULL,
    options TEXT NOT NULL,
    price_cents INTEGER NOT NULL,
    PRIMARY KEY (order_id, position)
);

CREATE TABLE payments (
    order_id TEXT NOT NULL REFERENCES orders (id),
    position INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('payment', 'refund')),
    amount_cents INTEGER NOT NULL CHECK (amount_cents >= 0),
    payment_method_id TEXT NOT NULL,
    PRIMARY KEY (order_id, position)
);

CREATE TABLE parcels (
    order_id TEXT NOT NULL REFERENCES orders (id),
    tracking_id TEXT NOT NULL,
    items TEXT NOT NULL
);

-- One row per change that was carried out: the same key never changes anything twice.
CREATE TABLE changes (
    key TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    what TEXT NOT NULL,
    at TEXT NOT NULL
);
