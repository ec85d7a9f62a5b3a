//! Lists the definitions in `merchants/`, so that one more merchant is one more file and nothing else. Their texts are
//! written out and no path is: a target folder may serve several checkouts.

use std::{env, fmt::Write, fs, io, path::Path};

fn main() -> io::Result<()> {
    // relative to the package, wherever that is when this runs
    println!("cargo::rerun-if-changed=merchants");
    let mut files: Vec<_> =
        fs::read_dir("merchants")?.map(|entry| entry.map(|file| file.path())).collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    let mut rows = String::new();
    for file in &files {
        let name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let text = fs::read_to_string(file)?;
        writeln!(rows, "({name:?}, {text:?}),").map_err(io::Error::other)?;
    }
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo gives OUT_DIR"))?;
    fs::write(Path::new(&out).join("shipped.rs"), format!("&[\n{rows}]\n"))
}
