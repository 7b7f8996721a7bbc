//! A file that was read.

use stagewright_plan::{Parameters, Plan, Platform, Problems};

use crate::args::Args;
use crate::findings::Findings;
use crate::form::File;
use crate::tree::Node;
use crate::{fill, make, parse, read};

/// A `stages.yaml` that was read: its parameters are known, and it becomes a Plan once they have values.
#[derive(Clone, Debug)]
pub struct Document {
    file: String,
    text: String,
    root: Node,
    args: Args,
    asks_platform: bool,
}

impl Document {
    /// Reads a text; the name of its file is for the places in messages and in the Plan.
    ///
    /// # Errors
    ///
    /// Everything that is wrong whatever the args are, together: what is no YAML, unknown keys and args, wrong types.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let findings = Findings::new(file);
        let Some(root) = parse::parse(text, &findings) else {
            findings.finish()?;
            unreachable!("a text without a tree has a problem");
        };
        let args = Args::declared(&root, &findings);
        let asks_platform = fill::check(&root, text, &args, &findings);
        read::read::<File>(&root, &findings, false);
        findings.finish()?;
        Ok(Self { file: file.to_owned(), text: text.to_owned(), root, args, asks_platform })
    }

    /// What the person who builds may set.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.args.parameters
    }

    /// Whether the Plan depends on the platform that is built for.
    #[must_use]
    pub fn asks_platform(&self) -> bool {
        self.asks_platform
    }

    /// The Plan with these args, for a platform, built on another.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the args or, once they are right, with the build.
    pub fn plan(
        &self,
        given: &[(impl AsRef<str>, impl AsRef<str>)],
        platform: &Platform,
        build_platform: &Platform,
    ) -> Result<Plan, Problems> {
        let values = self.args.given(given, platform, build_platform)?;
        let findings = Findings::new(&self.file);
        let root = fill::fill(&self.root, &self.text, &values, &findings);
        let file = read::read::<File>(&root, &findings, true);
        let asked = self.asks_platform.then(|| platform.to_string());
        let plan = file.map(|file| make::plan(&file, &self.args, &values, asked, platform, &findings));
        findings.finish()?;
        Ok(plan.expect("a file that could not be read has a problem"))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn plan(text: &str, given: &[(&str, &str)]) -> Result<Plan, Problems> {
        let amd64 = Platform::new("linux", "amd64");
        Document::parse("stages.yaml", text)?.plan(given, &amd64, &amd64)
    }

    fn wrong(text: &str, expected: &Expect) {
        match plan(text, &[]) {
            Ok(plan) => panic!("nothing is wrong with it: {}", plan.to_json()),
            Err(problems) => expected.assert_eq(&problems.to_string()),
        }
    }

    const SMALL: &str = r#"
args:
  node: "18"
stages:
  base:
    role: base
    from: node:${node}-slim
    steps:
      - workdir: /app
  build:
    role: builder
    from: base
    steps:
      - copy: [package.json, package-lock.json]
        to: ./
      - run: npm ci
        caches: /root/.npm
      - run: |
          npm run build
  unit:
    role: tester
    from: build
    steps:
      - run: [npm, test]
    reports: reports
  app:
    role: runtime
    from: base
    steps:
      - copy: /app/dist
        from: build
        to: dist/
        owner: node
        mode: 0755
      - env: { A: b, PORT: 3000 }
      - user: node
    gates: unit
    expose: 3000
    healthcheck:
      test: [node, health.js]
      interval: 1m30s
    cmd: [node, dist/server.js]
"#;

    #[test]
    fn a_small_build() {
        let plan = plan(SMALL, &[("node", "20")]).unwrap();
        expect![[r#"
            {
              "version": 1,
              "stages": [
                {
                  "name": "base",
                  "role": "base",
                  "from": {
                    "image": {
                      "name": "node:20-slim"
                    }
                  },
                  "steps": [
                    {
                      "at": {
                        "file": "stages.yaml",
                        "line": 9,
                        "column": 9
                      },
                      "action": {
                        "workdir": {
                          "path": "/app"
                        }
                      }
                    }
                  ],
                  "at": {
                    "file": "stages.yaml",
                    "line": 7,
                    "column": 11
                  }
                },
                {
                  "name": "build",
                  "role": "builder",
                  "from": {
                    "stage": "base"
                  },
                  "steps": [
                    {
                      "at": {
                        "file": "stages.yaml",
                        "line": 14,
                        "column": 9
                      },
                      "action": {
                        "copy": {
                          "from": {
                            "context": "context"
                          },
                          "paths": [
                            "package.json",
                            "package-lock.json"
                          ],
                          "to": "./"
                        }
                      }
                    },
                    {
                      "at": {
                        "file": "stages.yaml",
                        "line": 16,
                        "column": 9
                      },
                      "action": {
                        "run": {
                          "command": {
                            "shell": "npm ci"
                          },
                          "mounts": [
                            {
                              "cache": {
                                "path": "/root/.npm"
                              }
                            }
                          ]
                        }
                      }
                    },
                    {
                      "at": {
                        "file": "stages.yaml",
                        "line": 18,
                        "column": 9
                      },
                      "action": {
                        "run": {
                          "command": {
                            "shell": "npm run build"
                          }
                        }
                      }
                    }
                  ],
                  "at": {
                    "file": "stages.yaml",
                    "line": 12,
                    "column": 11
                  }
                },
                {
                  "name": "unit",
                  "role": "tester",
                  "from": {
                    "stage": "build"
                  },
                  "steps": [
                    {
                      "at": {
                        "file": "stages.yaml",
                        "line": 24,
                        "column": 9
                      },
                      "action": {
                        "run": {
                          "command": {
                            "argv": [
                              "npm",
                              "test"
                            ]
                          }
                        }
                      }
                    }
                  ],
                  "reports": [
                    {
                      "path": "reports",
                      "at": {
                        "file": "stages.yaml",
                        "line": 25,
                        "column": 14
                      }
                    }
                  ],
                  "at": {
                    "file": "stages.yaml",
                    "line": 22,
                    "column": 11
                  }
                },
                {
                  "name": "app",
                  "role": "runtime",
                  "from": {
                    "stage": "base"
                  },
                  "steps": [
                    {
                      "at": {
                        "file": "stages.yaml",
                        "line": 30,
                        "column": 9
                      },
                      "action": {
                        "copy": {
                          "from": {
                            "stage": "build"
                          },
                          "paths": [
                            "/app/dist"
                          ],
                          "to": "dist/",
                          "owner": "node",
                          "mode": 493
                        }
                      }
                    },
                    {
                      "at": {
                        "file": "stages.yaml",
                        "line": 35,
                        "column": 9
                      },
                      "action": {
                        "env": {
                          "name": "A",
                          "value": "b"
                        }
                      }
                    },
                    {
                      "at": {
                        "file": "stages.yaml",
                        "line": 35,
                        "column": 9
                      },
                      "action": {
                        "env": {
                          "name": "PORT",
                          "value": "3000"
                        }
                      }
                    },
                    {
                      "at": {
                        "file": "stages.yaml",
                        "line": 36,
                        "column": 9
                      },
                      "action": {
                        "user": {
                          "user": "node"
                        }
                      }
                    }
                  ],
                  "runtime": {
                    "cmd": [
                      "node",
                      "dist/server.js"
                    ],
                    "expose": [
                      "3000/tcp"
                    ],
                    "healthcheck": {
                      "test": [
                        "CMD",
                        "node",
                        "health.js"
                      ],
                      "interval": 90000000000
                    }
                  },
                  "gates": [
                    {
                      "stage": "unit",
                      "at": {
                        "file": "stages.yaml",
                        "line": 37,
                        "column": 12
                      }
                    }
                  ],
                  "at": {
                    "file": "stages.yaml",
                    "line": 28,
                    "column": 11
                  }
                }
              ],
              "targets": [
                {
                  "name": "unit",
                  "stage": "unit",
                  "at": {
                    "file": "stages.yaml",
                    "line": 20,
                    "column": 3
                  }
                },
                {
                  "name": "app",
                  "stage": "app",
                  "product": true,
                  "at": {
                    "file": "stages.yaml",
                    "line": 26,
                    "column": 3
                  }
                },
                {
                  "name": "unit-reports",
                  "stage": "unit",
                  "description": "What `unit` left for people, also if it failed",
                  "reports": true,
                  "at": {
                    "file": "stages.yaml",
                    "line": 25,
                    "column": 14
                  }
                }
              ]
            }"#]]
        .assert_eq(&plan.to_json());
    }

    #[test]
    fn what_is_wrong_comes_out_together() {
        wrong(
            r#"
args:
  env: { default: prod, values: [staging, production] }
  n: { type: int, default: many }
stages:
  base:
    role: bass
    from: node:${nod}-slim
    stepps: []
  build:
    role: builder
    from: bas
    steps:
      - rnu: make
      - copy: a
      - run: {}
      - copy: b
        to: ./
        mode: rwx
        owner: [x]
      - run: echo ${HOME} ${x%y}
        cache: /root
    expose: [http, 70000]
    healthcheck: { test: x, interval: soon }
"#,
            &expect![[r#"
                stages.yaml:3:19: the default `prod` is none of `staging`, `production`
                stages.yaml:4:28: the default `many` is not a whole number
                stages.yaml:7:11: `bass` is none of `base`, `deps`, `builder`, `tester`, `runtime`, `dev`
                  help: did you mean `base`?
                stages.yaml:8:16: there is no arg `nod`
                  help: declare it under `args`; the args are `env`, `n`; for the shell's own, write `$${nod}`
                stages.yaml:9:5: there is no key `stepps` here
                  help: did you mean `steps`?
                stages.yaml:14:9: none of `run`, `copy`, `env`, `workdir`, `user`, `mkdir`, `file`, `remove`, `symlink`, `cross`, `add-user` is here
                  help: did you mean `run` by `rnu`?
                stages.yaml:15:9: `to` is missing here
                stages.yaml:16:14: none of `script` is here
                stages.yaml:19:15: `rwx` is not permission bits in octal digits, as in `0644`
                stages.yaml:20:16: a text is expected here, not a list
                stages.yaml:21:27: `${x%y}` is not `${name}`, `${name:-default}` or `${name:?message}`
                  help: for the shell's own, write `$${`
                stages.yaml:22:9: there is no key `cache` here
                  help: did you mean `caches`?
                stages.yaml:23:14: `http` is not a port, as in `3000` or `53/udp`
                stages.yaml:23:20: `70000` is not a port, as in `3000` or `53/udp`
                stages.yaml:24:39: `soon` is not a length of time, as in `30s` or `1m30s`"#]],
        );
    }
}
