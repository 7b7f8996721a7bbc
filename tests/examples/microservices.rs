//! The three services, as what was pushed.

use crate::project::{Project, stop};

#[test]
fn each_service_answers_from_its_own_image() {
    let project = Project::new("microservices");
    project.build().run();
    for (service, port, path, says) in [
        ("api", 3001, "/health", r#""orders":0"#),
        ("worker", 3002, "/health", r#""status":"ok""#),
        ("web", 8080, "/", "<title>The shop</title>"),
    ] {
        let mut container = project.start(service);
        let answer = container.get(port, path).unwrap();
        assert_eq!(answer.status, 200, "{answer}");
        assert!(answer.body.contains(says), "{service}: {answer}");
        let rootfs = container.rootfs();
        assert!(!rootfs.has("app/node_modules/typescript") && !rootfs.has("app/packages/shared/src"));
        stop(&mut container);
    }
}
