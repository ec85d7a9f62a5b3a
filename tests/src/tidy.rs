//! Style and structure as tests (design §2): sizes, names, words, what may depend on what, and the determinism of the
//! crates under the functions. Each rule is a function on text that returns complaints, and is shown to have some.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Non-blank lines of a file, inline tests not counted.
const FILE_LINES_MAX: usize = 600;
/// The same for a function's `main.rs`, which is wiring only.
const MAIN_LINES_MAX: usize = 40;
/// As in rustfmt.toml, for what rustfmt does not break: comments and texts.
const LINE_CHARS_MAX: usize = 120;

/// Where Rust is.
const CODE: [&str; 4] = ["shared", "functions", "infra", "tests"];
/// Crates without effects of their own: every effect is a port call.
const PURE: [&str; 10] =
    ["audit", "definitions", "domain", "exports", "feeds", "matching", "metrics", "ports", "stages", "state"];
/// Folders and files of the top level (design §2).
const TOP: [&str; 16] = [
    "Cargo.lock",
    "Cargo.toml",
    "DESIGN.md",
    "README.md",
    "clippy.toml",
    "deny.toml",
    "docs",
    "events",
    "functions",
    "infra",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "samconfig.toml",
    "shared",
    "template.yaml",
    "tests",
];
/// The usual dotfiles.
const DOTFILES: [&str; 8] =
    [".cargo", ".ci", ".editorconfig", ".git", ".gitattributes", ".github", ".gitignore", ".config"];

/// What is not finished, or not run. Put together here, so that this file may be read too.
const UNFINISHED: [&str; 5] = [
    concat!("to", "do!"),
    concat!("TO", "DO"),
    concat!("unimpl", "emented!"),
    concat!("FIX", "ME"),
    concat!("#[ig", "nore"),
];
/// Clocks, tasks, threads, chance and shared state.
const IMPURE: [&str; 14] = [
    "SystemTime",
    "Instant::now",
    "time::Instant",
    "Timestamp::now",
    "Zoned::now",
    "tokio::spawn",
    "std::thread",
    "thread::",
    "thread_local!",
    "rand",
    "rand_chacha",
    "getrandom",
    "static mut",
    "sleep(",
];
/// What a pure crate may not depend on, by the beginnings of names.
const EFFECTS: [&str; 12] = [
    "aws-",
    "getrandom",
    "harmonia-aws",
    "harmonia-function",
    "harmonia-local",
    "harmonia-runtime",
    "lambda",
    "rand",
    "reqwest",
    "rusqlite",
    "tokio",
    "tracing-subscriber",
];

/// What a block of commands is marked with that no test can run, and why.
const NEEDS: [&str; 2] = ["<!-- needs an account -->", "<!-- needs Docker -->"];
/// What begins the mark of one that is checked, and that of a page whose blocks all are; files follow.
const CHECKED: &str = "<!-- checked by ";
const ALL_CHECKED: &str = "<!-- blocks are checked by ";
/// Languages of blocks of commands, and how commands begin in blocks without a language.
const SHELLS: [&str; 3] = ["sh", "bash", "console"];
const PROGRAMS: [&str; 5] = ["$ ", "aws ", "cargo ", "harmonia ", "sam "];

/// A file with its path from the top.
struct Source {
    path: String,
    text: String,
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Files below a path whose names end in one of `ends`. Leaves out what is built, and the data of the cases.
fn files(path: &str, ends: &[&str], found: &mut Vec<Source>) {
    let full = top().join(path);
    if full.is_dir() {
        for name in
            names(&full).iter().filter(|name| !["target", "cases", "proptest-regressions"].contains(&name.as_str()))
        {
            files(&format!("{path}/{name}"), ends, found);
        }
    } else if full.is_file() && ends.iter().any(|end| path.ends_with(end)) {
        found.push(Source { path: path.to_owned(), text: fs::read_to_string(full).unwrap() });
    }
}

fn rust() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in CODE {
        files(folder, &[".rs"], &mut found);
    }
    assert!(found.len() > 100, "only {} Rust files found", found.len());
    found
}

/// The manifests of all crates.
fn manifests() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in CODE {
        files(folder, &["/Cargo.toml"], &mut found);
    }
    assert!(found.len() > 10, "only {} crates found", found.len());
    found
}

/// Numbered lines without items under `#[cfg(test)]`. Relies on rustfmt: such an item begins and ends at the margin.
fn code(text: &str) -> Vec<(usize, &str)> {
    let mut lines = (1..).zip(text.lines());
    let mut kept = Vec::new();
    while let Some((number, line)) = lines.next() {
        if line != "#[cfg(test)]" {
            kept.push((number, line));
            continue;
        }
        let item = lines.by_ref().find(|(_, line)| !line.starts_with('#'));
        if item.is_some_and(|(_, line)| line.ends_with('{')) {
            lines.by_ref().find(|(_, line)| *line == "}");
        }
    }
    kept
}

/// Where the modules are that a file declares under `#[cfg(test)]`.
fn test_modules(source: &Source) -> Vec<String> {
    let (folder, file) = source.path.rsplit_once('/').unwrap();
    let stem = file.trim_end_matches(".rs");
    let folder = if ["lib", "main", "mod"].contains(&stem) { folder.to_owned() } else { format!("{folder}/{stem}") };
    let lines: Vec<&str> = source.text.lines().collect();
    let declared = lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]").filter_map(|pair| {
        let name = pair[1].strip_suffix(';')?.rsplit_once("mod ")?.1;
        Some(format!("{folder}/{name}"))
    });
    declared.collect()
}

/// The files that go into a product: no test modules, no `tests` folders.
fn product(sources: &[Source]) -> Vec<&Source> {
    let tests: BTreeSet<String> = sources.iter().flat_map(test_modules).collect();
    let is_test = |path: &str| {
        let module = path.trim_end_matches(".rs");
        path.contains("/tests/") || tests.iter().any(|t| module == t || path.starts_with(&format!("{t}/")))
    };
    sources.iter().filter(|s| !is_test(&s.path)).collect()
}

/// `word` stands in `line` on its own.
fn has_word(line: &str, word: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(part_of_name);
        let after = line[at + word.len()..].chars().next().is_some_and(part_of_name);
        let open = word.ends_with(|c: char| !part_of_name(c));
        !(before && word.starts_with(part_of_name)) && (open || !after)
    })
}

fn too_long(path: &str, text: &str) -> Vec<String> {
    let max =
        if path.starts_with("functions/") && path.ends_with("/src/main.rs") { MAIN_LINES_MAX } else { FILE_LINES_MAX };
    let lines = code(text).iter().filter(|(_, line)| !line.trim().is_empty()).count();
    if lines > max { vec![format!("{path}: {lines} lines, more than {max}")] } else { Vec::new() }
}

fn too_wide(path: &str, text: &str) -> Vec<String> {
    let wide = (1..).zip(text.lines()).map(|(number, line)| (number, line.chars().count()));
    let wide = wide.filter(|(_, chars)| *chars > LINE_CHARS_MAX);
    wide.map(|(number, chars)| format!("{path}:{number}: {chars} characters, more than {LINE_CHARS_MAX}")).collect()
}

fn unnamed(path: &str, text: &str) -> Vec<String> {
    let part = |part: &str| matches!(part.trim_end_matches(".rs"), "utils" | "util" | "helpers" | "misc");
    let by_path = path.split('/').filter(|p| part(p)).map(|_| format!("{path}: a name that says nothing"));
    let module =
        |line: &str| line.split_once("mod ").is_some_and(|(_, rest)| part(rest.trim_end_matches([';', '{', ' '])));
    let by_text = (1..).zip(text.lines()).filter(|(_, line)| module(line));
    by_path.chain(by_text.map(|(number, _)| format!("{path}:{number}: a name that says nothing"))).collect()
}

fn unfinished(path: &str, text: &str) -> Vec<String> {
    let lines = (1..).zip(text.lines());
    let found = lines.flat_map(|(n, line)| UNFINISHED.iter().filter(|w| has_word(line, w)).map(move |w| (n, w)));
    found.map(|(number, word)| format!("{path}:{number}: {word}")).collect()
}

fn impure(path: &str, text: &str) -> Vec<String> {
    let lines = code(text).into_iter().filter(|(_, line)| !line.trim_start().starts_with("//"));
    let found = lines.flat_map(|(n, line)| IMPURE.iter().filter(|w| has_word(line, w)).map(move |w| (n, w)));
    found.map(|(number, word)| format!("{path}:{number}: {word}")).collect()
}

fn of_pure_crate(path: &str) -> bool {
    PURE.iter().any(|name| path.starts_with(&format!("shared/{name}/")))
}

fn effects(path: &str, text: &str) -> Vec<String> {
    let manifest: toml::Table = text.parse().unwrap();
    let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
    let names = dependencies.into_iter().flat_map(toml::Table::keys);
    let found = names.filter(|name| EFFECTS.iter().any(|effect| name.starts_with(effect)));
    found.map(|name| format!("{path}: depends on {name}")).collect()
}

fn without_lints(path: &str, text: &str) -> Vec<String> {
    let manifest: toml::Table = text.parse().unwrap();
    let inherited = manifest.get("lints").and_then(|l| l.get("workspace")).and_then(toml::Value::as_bool);
    if inherited == Some(true) { Vec::new() } else { vec![format!("{path}: no [lints] workspace = true")] }
}

fn without_event(functions: &[String], events: &[String]) -> Vec<String> {
    let missing = functions.iter().filter(|f| !events.contains(&format!("{f}.json")));
    missing.map(|function| format!("functions/{function}: no events/{function}.json")).collect()
}

fn not_of_the_top(found: &[String], ignored: &[String]) -> Vec<String> {
    let known = |name: &str| TOP.contains(&name) || DOTFILES.contains(&name) || name.starts_with("LICENSE-");
    found
        .iter()
        .filter(|name| !known(name) && !ignored.contains(name))
        .map(|name| format!("{name}: not of the top level"))
        .collect()
}

/// The files that a mark names as those that check; none if it is another kind of line.
fn checkers<'a>(line: &'a str, mark: &str) -> Option<Vec<&'a str>> {
    let files = line.strip_prefix(mark)?.strip_suffix(" -->")?;
    Some(files.split(", ").collect())
}

/// Blocks of commands on a page that nothing checks, or whose checker does not know the page.
fn unchecked(path: &str, text: &str) -> Vec<String> {
    let page = path.rsplit('/').next().unwrap();
    let all = text.lines().find_map(|line| checkers(line, ALL_CHECKED));
    let lines: Vec<&str> = text.lines().collect();
    let fences: Vec<usize> = (0..lines.len()).filter(|n| lines[*n].starts_with("```")).collect();
    let mut told = Vec::new();
    for open in fences.into_iter().step_by(2) {
        let language = lines[open].trim_start_matches('`');
        let first = lines.get(open + 1).unwrap_or(&"");
        let commands = language.is_empty() && PROGRAMS.iter().any(|program| first.starts_with(program));
        if !SHELLS.contains(&language) && !commands {
            continue;
        }
        let mark = if open == 0 { "" } else { lines[open - 1] };
        if NEEDS.contains(&mark) {
            continue;
        }
        // or it reads the whole folder
        let names = |text: String| text.contains(page) || text.contains("docs\")");
        let checks = |file: &&str| fs::read_to_string(top().join(file)).is_ok_and(names);
        let by = checkers(mark, CHECKED).or_else(|| all.clone()).unwrap_or_default();
        if by.is_empty() || !by.iter().all(checks) {
            told.push(format!("{path}:{}: a block of commands that nothing checks: {by:?}", open + 1));
        }
    }
    told
}

/// All complaints of a rule.
fn complaints<'a>(sources: impl IntoIterator<Item = &'a Source>, rule: fn(&str, &str) -> Vec<String>) -> Vec<String> {
    sources.into_iter().flat_map(|s| rule(&s.path, &s.text)).collect()
}

fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn files_are_short_and_mains_are_wiring() {
    assert_none(&complaints(&rust(), too_long));
    let lines = |n: usize| "x\n\n".repeat(n);
    assert_eq!(too_long("shared/a/src/b.rs", &lines(601)).len(), 1);
    assert_eq!(too_long("functions/a/src/main.rs", &lines(41)).len(), 1);
    let with_tests = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", lines(600), lines(9));
    assert_none(&too_long("shared/a/src/b.rs", &with_tests));
    assert_eq!(too_long("shared/a/src/b.rs", &format!("{with_tests}x")).len(), 1, "code goes on after the tests");
}

#[test]
fn lines_are_at_most_120_characters() {
    assert_none(&complaints(&rust(), too_wide));
    assert_none(&too_wide("a.rs", &"é".repeat(120)));
    assert_eq!(too_wide("a.rs", &format!("\n// {}", "x".repeat(118))), ["a.rs:2: 121 characters, more than 120"]);
}

#[test]
fn names_say_something() {
    assert_none(&complaints(&rust(), unnamed));
    for (path, text) in
        [("a/utils.rs", ""), ("a/utils/b.rs", ""), ("a/b.rs", "pub(crate) mod utils;"), ("a/b.rs", "mod helpers {")]
    {
        assert_eq!(unnamed(path, text).len(), 1, "{path} {text}");
    }
    assert_none(&unnamed("shared/a/src/outcome.rs", "mod outcome;"));
}

#[test]
fn nothing_is_unfinished_or_left_out() {
    let mut sources = rust();
    for path in CODE.iter().chain(&[".ci", "docs", "events"]) {
        files(path, &[".toml", ".yaml", ".md", ".json", "/run", "/template-checks"], &mut sources);
    }
    for path in TOP.iter().filter(|name| name.contains('.')) {
        files(path, &[".toml", ".yaml", ".md"], &mut sources);
    }
    assert_none(&complaints(&sources, unfinished));
    for word in UNFINISHED {
        assert_eq!(unfinished("a.rs", &format!("fn a() {{\n    {word}\n}}")).len(), 1, "{word}");
    }
}

/// Design §4: code in stages and below does not spawn, sleep, read clocks, use randomness or statics.
#[test]
fn stages_and_below_are_deterministic() {
    let sources = rust();
    let pure = product(&sources).into_iter().filter(|s| of_pure_crate(&s.path));
    assert_none(&complaints(pure, impure));
    for planted in [
        "let at = std::time::SystemTime::now();",
        "use std::time::Instant;",
        "let at = Instant::now();",
        "    let at = jiff::Timestamp::now();",
        "tokio::spawn(async {});",
        "std::thread::yield_now();",
        "use rand::Rng;",
        "let x: u8 = rand::random();",
        "static mut X: u8 = 0;",
        "tokio::time::sleep(pause).await;",
    ] {
        assert!(!impure("shared/stages/src/a.rs", planted).is_empty(), "{planted}");
        let in_tests = format!("#[cfg(test)]\nmod tests {{\n    {planted}\n}}\n// {planted}\n");
        assert_none(&impure("shared/stages/src/a.rs", &in_tests));
    }
    assert_none(&impure("shared/stages/src/a.rs", "LineTime::Instant(at) => operand(brand, at),"));
}

#[test]
fn test_modules_are_no_product() {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let sources = [
        source("shared/a/src/lib.rs", "mod b;\n#[cfg(test)]\nmod c;\n"),
        source("shared/a/src/b.rs", "#[cfg(test)]\npub(crate) mod tests;\n"),
        source("shared/a/src/c.rs", ""),
        source("shared/a/src/c/d.rs", ""),
        source("shared/a/src/b/tests.rs", ""),
        source("shared/a/tests/e.rs", ""),
        source("shared/a/src/cd.rs", ""),
    ];
    let kept: Vec<&str> = product(&sources).iter().map(|s| s.path.as_str()).collect();
    assert_eq!(kept, ["shared/a/src/lib.rs", "shared/a/src/b.rs", "shared/a/src/cd.rs"]);
}

/// Design §2: nothing pure depends on AWS, on the functions' runtime, or on anything with effects.
#[test]
fn pure_crates_depend_on_nothing_with_effects() {
    let manifests = manifests();
    let pure: Vec<&Source> = manifests.iter().filter(|m| of_pure_crate(&m.path)).collect();
    assert_eq!(pure.len(), PURE.len());
    assert_none(&complaints(pure, effects));
    let planted = "[dependencies]\naws-sdk-s3.workspace = true\nserde = \"1\"\n[dev-dependencies]\ntokio = \"1\"\n";
    assert_eq!(effects("a/Cargo.toml", planted), ["a/Cargo.toml: depends on aws-sdk-s3"]);
}

#[test]
fn every_crate_has_the_lints_of_the_workspace() {
    assert_none(&complaints(&manifests(), without_lints));
    for planted in
        ["[package]\nname = \"a\"\n", "[lints]\nworkspace = false\n", "[lints.rust]\nunsafe_code = \"allow\"\n"]
    {
        assert_eq!(without_lints("a/Cargo.toml", planted).len(), 1, "{planted}");
    }
}

#[test]
fn every_function_has_a_sample_event() {
    let functions = names(&top().join("functions"));
    assert!(functions.len() >= 4, "{functions:?}");
    assert_none(&without_event(&functions, &names(&top().join("events"))));
    let planted = without_event(&["import".into(), "planted".into()], &["import.json".into()]);
    assert_eq!(planted, ["functions/planted: no events/planted.json"]);
}

#[test]
fn the_top_level_is_that_of_the_design() {
    let ignored = fs::read_to_string(top().join(".gitignore")).unwrap();
    let ignored: Vec<String> = ignored.lines().filter_map(|l| Some(l.strip_prefix('/')?.to_owned())).collect();
    assert_none(&not_of_the_top(&names(&top()), &ignored));
    let planted = ["shared", "scripts", "target", ".venv"].map(str::to_owned);
    let told = not_of_the_top(&planted, &["target".to_owned()]);
    assert_eq!(told, ["scripts: not of the top level", ".venv: not of the top level"]);
}

/// A command that nobody has run is wrong one day: each block says what runs or reads it, or why nothing can.
#[test]
fn commands_of_pages_are_checked() {
    let mut pages = Vec::new();
    files("docs", &[".md"], &mut pages);
    assert_none(&complaints(&pages, unchecked));
    let block = "```sh\nls\n```\n";
    let told = |before: &str| unchecked("docs/deploy.md", &format!("{before}\n{block}")).len();
    for good in [NEEDS[0], NEEDS[1], "<!-- checked by tests/deployed/guide.py -->"] {
        assert_eq!(told(good), 0, "{good}");
        assert_eq!(told(&format!("{good}\n")), 1, "{good} belongs to what follows at once");
    }
    assert_eq!(told("<!-- blocks are checked by tests/deployed/guide.py -->\n\ntext"), 0);
    for bad in
        ["", "<!-- needs time -->", "<!-- checked by tests/deployed/nobody.py -->", "<!-- checked by README.rst -->"]
    {
        assert_eq!(told(bad), 1, "{bad}");
    }
    assert_eq!(unchecked("docs/up.md", "<!-- checked by tests/deployed/sizes.py -->\n```sh\nls\n```\n").len(), 1);
    assert_eq!(unchecked("docs/a.md", "```\naws s3 ls\n```\n```\ntext\n```\n```toml\na = 1\n```\n").len(), 1);
}
