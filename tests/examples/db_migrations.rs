//! The migrator: applied to a server that runs, and each of its gates closed once.

use std::fs;

use stagewright_tests::container::Container;

use crate::project::{Project, containers, healthy, stop};

/// A server with data of its own, and no tables.
fn server(project: &Project) -> Container {
    let image = project.image("local");
    let launch = containers()
        .run(&image, "server")
        .env("POSTGRES_PASSWORD", "not-a-secret")
        .env("PGDATA", "/tmp/data");
    healthy(launch.tmpfs("/var/run/postgresql").start().unwrap())
}

/// What the migrator says of a command, and whether it succeeded.
fn migrate(project: &Project, server: &Container, password: &str, arguments: &[&str]) -> (bool, String) {
    let image = project.image("migrator");
    let mut migrator = containers()
        .run(&image, "migrator")
        .args(arguments.iter().copied())
        .env("PGHOST", "127.0.0.1")
        .env("PGUSER", "postgres")
        .env("PGDATABASE", "postgres")
        .env("PGSSLMODE", "disable")
        .env("PGPASSWORD", password)
        .beside(server)
        .start()
        .unwrap();
    let end = migrator.wait_end().unwrap();
    (end.status.success(), migrator.log())
}

#[test]
fn migrations_go_forth_and_back_on_a_server_that_runs() {
    let project = Project::new("db-migrations");
    project.build().run();
    project.build().target("local").run();
    let image = project.image("migrator");
    assert_eq!(image.config.config.user, "65532:65532");
    assert!(image.size() < 8_000_000, "{} bytes", image.size());

    let mut server = server(&project);
    let (refused, says) = migrate(&project, &server, "wrong", &["apply"]);
    assert!(!refused && says.contains("password authentication failed"), "{says}");
    let apply = || migrate(&project, &server, "not-a-secret", &["apply"]);
    let all = "applied 001_customers\napplied 002_orders\napplied 003_orders_by_customer\n";
    assert_eq!(apply(), (true, all.to_owned()));
    assert_eq!(apply(), (true, String::new()), "nothing is pending");
    let back = migrate(&project, &server, "not-a-secret", &["rollback", "1"]);
    assert_eq!(back, (true, "rolled back 003_orders_by_customer\n".to_owned()));
    let tables = server.exec(&["psql", "-U", "postgres", "-Atc", "SELECT count(*) FROM orders, customers"]);
    assert_eq!(tables.unwrap(), "0\n");
    stop(&mut server);
}

#[test]
fn the_lint_gate_gates() {
    let project = Project::new("db-migrations");
    project.edit("migrations/002_orders.up.sql", "cents integer", "cents INTEGER");
    project.build().refused(["CP05", r#".run("sqlfluff lint migrations perf")"#]);
}

#[test]
fn what_destroys_data_needs_an_approval() {
    let project = Project::new("db-migrations");
    fs::write(project.file("migrations/004_forget.up.sql"), "ALTER TABLE orders DROP COLUMN cents;\n")
        .unwrap();
    fs::write(
        project.file("migrations/004_forget.down.sql"),
        "ALTER TABLE orders ADD COLUMN cents integer;\n",
    )
    .unwrap();
    let says = "004_forget.up.sql:1: DROP COLUMN: destroys data; approve it by its id, 004";
    project.build().target("approval").target("migrator").refused([says]);
    project.build().target("approval").param("approve", "004").run();
    let says = "002: approved, but nothing in 002_orders needs it";
    project.build().target("approval").param("approve", "002,004").refused([says]);
}

#[test]
fn a_way_back_that_leaves_something_is_found() {
    let project = Project::new("db-migrations");
    project.edit("migrations/001_customers.down.sql", "DROP TABLE customers", "SELECT 1 AS nothing");
    project.build().target("rollback").refused(["+CREATE TABLE public.customers"]);
}

#[test]
fn a_query_over_its_budget_is_found() {
    let project = Project::new("db-migrations");
    project.edit("migrations/003_orders_by_customer.up.sql", "(customer_id, placed_at DESC)", "(cents)");
    project
        .build()
        .target("performance")
        .refused(["last_orders.sql: costs ", "over its budget of 100"]);
}

#[test]
fn a_test_that_fails_is_shown() {
    let project = Project::new("db-migrations");
    project.edit("internal/migration/migration_test.go", "len(migrations) < 3", "len(migrations) < 30");
    project
        .build()
        .target("unit")
        .refused(["TestOursAreRight", "sh(\"go test ./...\")"]);
}
