//! The tasks: a database, a server and a page as they were pushed, and gates that close for all three.

use stagewright_tests::container::Container;

use crate::project::{Project, containers, healthy, stop};

/// A container of one of the images, in the network of another.
fn beside(project: &Project, target: &str, other: &Container, env: &[(&str, &str)]) -> Container {
    let image = project.image(target);
    let launch = env
        .iter()
        .fold(containers().run(&image, target), |launch, (name, value)| launch.env(name, value));
    launch.beside(other).start().unwrap()
}

#[test]
fn the_three_images_work_together() {
    let project = Project::new("fullstack");
    project.build().run();
    project.build().target("database").run();

    let image = project.image("database");
    let launch = containers().run(&image, "database").env("POSTGRES_PASSWORD", "not-a-secret");
    let launch = launch.env("PGDATA", "/tmp/data").tmpfs("/var/run/postgresql");
    let database = healthy(launch.start().unwrap());
    let of_database = [("PGHOST", "127.0.0.1"), ("PGUSER", "postgres"), ("PGPASSWORD", "not-a-secret")];
    for says in ["applied 001_tasks\napplied 002_tasks_done\n", ""] {
        let mut migrator = beside(&project, "migrator", &database, &of_database);
        assert!(migrator.wait_end().unwrap().status.success(), "{}", migrator.log());
        assert_eq!(migrator.log(), says);
    }

    let mut backend =
        healthy(beside(&project, "backend", &database, &[("DATABASE_PASSWORD", "not-a-secret")]));
    let mut frontend = healthy(beside(&project, "frontend", &database, &[]));
    assert!(frontend.get(8080, "/").unwrap().body.contains("<title>Tasks</title>"));
    assert!(frontend.get(8080, "/app.js").unwrap().body.contains("/api/tasks"));
    let post =
        ["wget", "-q", "-O", "-", "--post-data={\"title\":\"Rest\"}", "http://127.0.0.1:8080/api/tasks"];
    assert_eq!(frontend.exec(&post).unwrap(), "{\"id\":1,\"title\":\"Rest\",\"done\":false}");
    let listed = backend.get(8081, "/api/tasks").unwrap();
    assert_eq!(listed.body, "[{\"id\":1,\"title\":\"Rest\",\"done\":false}]", "{listed}");

    for absent in ["usr/share/maven", "opt/java/openjdk/bin/javac", "src"] {
        assert!(!backend.rootfs().has(absent), "{absent} is in the image");
    }
    assert!(!frontend.rootfs().has("usr/bin/node"));
    stop(&mut frontend);
    stop(&mut backend);
}

#[test]
fn one_part_that_fails_refuses_all_three() {
    let project = Project::new("fullstack");
    project.edit("frontend/test/view.test.js", "no such task<\\/p>", "all is well<\\/p>");
    project.build().refused(["all is well", r#".run("npm test")"#]);
}

#[test]
fn parts_that_do_not_fit_together_are_found() {
    let project = Project::new("fullstack");
    project.edit("migrations/002_tasks_done.sql", "done_at", "finished_at");
    project
        .build()
        .target("integration")
        .refused(["column \"done_at\" does not exist", "integration.sh"]);
}
