//! Databases really scraped.

use crate::support::Stack;
use crate::support::docker::{Container, Network};
use crate::support::http::await_value;

#[test]
fn postgresql_and_redis_are_scraped_on_a_network_of_their_own() {
    let stack = Stack::new("minimal", "");
    let network = Network::create(&format!("{}-apps", stack.name));
    let password = "sesame-open-7731";
    let postgres = format!("{}-orders-db", stack.name);
    let redis = format!("{}-cache", stack.name);
    let environment = format!("POSTGRES_PASSWORD={password}");
    let _postgres =
        Container::run(&postgres, &["--network", &network.0, "-e", &environment, "watchpost-test/postgres:18"]);
    let _redis =
        Container::run(&redis, &["--network", &network.0, "watchpost-test/redis:8", "--requirepass", password]);
    let components = format!(
        "  postgres-exporter:\n    - {{name: orders, host: {postgres}, user: postgres, database: postgres, sslmode: disable, network: {network}, password: {{secret: orders_db}}}}\n  redis-exporter:\n    - {{name: cache, address: \"{redis}:6379\", network: {network}, password: {{secret: cache}}}}\n",
        network = network.0
    );
    stack.write(
        "minimal",
        &components,
        "secrets:\n  orders_db: {env: ORDERS_PASSWORD}\n  cache: {env: CACHE_PASSWORD}\n",
    );
    let output = stack
        .command(&["up", "--yes"])
        .env("ORDERS_PASSWORD", password)
        .env("CACHE_PASSWORD", password)
        .run()
        .expect(0);
    await_value(stack.prometheus, "pg_up", 1.0);
    await_value(stack.prometheus, "redis_up", 1.0);
    await_value(stack.prometheus, "count(up == 1)", 5.0);
    assert!(!output.stderr.contains(password) && !output.stdout.contains(password));
    for service in ["postgres-exporter-orders", "redis-exporter-cache"] {
        let inspected = crate::support::docker::inspect(&stack.container(service)).to_string();
        assert!(!inspected.contains(password), "{service} shows its password");
    }
    drop(stack);
}
