//! The memory that a large file needs: writes one to disk, plans it from chunks, then reads range by range, and tells
//! the peak of the process (Linux). Run with `cargo run --release -p harmonia-feeds --example gigabyte`, with the size
//! in megabytes and the format as arguments if others than 1024 and tgx2 are wanted.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a measurement, run by hand")]

mod made;

use harmonia_feeds::{Decoder, Plan, Planner, RangeLimits, read_range};
use made::Made;
use std::{
    env,
    fs::{self, File},
    io::{BufWriter, Read, Seek, SeekFrom, Write},
    path::Path,
};

const CHUNK_BYTES: usize = 1024 * 1024;
const MEGABYTE: u64 = 1024 * 1024;

fn write(made: &Made, path: &Path, megabytes: u64) {
    let mut file = BufWriter::new(File::create(path).expect("a new file"));
    file.write_all(made.header.as_bytes()).expect("room on the disk");
    let mut written = 0;
    let mut n = 0;
    while written < megabytes * MEGABYTE {
        let line = (made.line)(n);
        file.write_all(line.as_bytes()).expect("room on the disk");
        written += u64::try_from(line.len()).unwrap_or(u64::MAX);
        n += 1;
    }
}

fn plan(made: &Made, path: &Path) -> Plan {
    let mut file = File::open(path).expect("the file");
    let mut decoder = Decoder::new(made.format.encoding());
    let mut planner = Planner::new(made.format, |_| true, RangeLimits::FUNCTION).expect("a file feed");
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let length = file.read(&mut chunk).expect("the file");
        let mut rest = chunk.get(..length).unwrap_or_default();
        if rest.is_empty() {
            break;
        }
        while !rest.is_empty() {
            planner.push(decoder.decode(&mut rest).expect("UTF-8")).expect("a good file");
        }
    }
    planner.push(decoder.finish().expect("UTF-8")).expect("a good file");
    planner.finish().expect("a good file")
}

fn read(made: &Made, path: &Path, plan: &Plan) -> usize {
    let mut file = File::open(path).expect("the file");
    let mut records = 0;
    for range in &plan.ranges {
        file.seek(SeekFrom::Start(range.from)).expect("the file");
        let mut text = String::new();
        (&file).take(range.to - range.from).read_to_string(&mut text).expect("UTF-8");
        records += read_range(made.format, plan.header.as_deref(), range, &text).expect("a planned range").count();
    }
    records
}

/// The most memory the process has held so far.
fn peak() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or_else(|| "not known here".to_owned(), |peak| peak.trim().to_owned())
}

fn main() {
    let mut arguments = env::args().skip(1);
    let megabytes = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1024);
    let name = arguments.next().unwrap_or_else(|| "tgx2".to_owned());
    let Some(made) = made::all().into_iter().find(|made| made.name == name) else {
        println!("no format {name}");
        return;
    };
    let path = env::temp_dir().join(format!("harmonia-{name}-{megabytes}.txt"));
    write(&made, &path, megabytes);
    println!("{name}, {megabytes} MB: peak {} before", peak());
    let plan = plan(&made, &path);
    println!("planned {} records in {} ranges: peak {}", plan.records, plan.ranges.len(), peak());
    println!("read {} records: peak {}", read(&made, &path, &plan), peak());
    let _ = fs::remove_file(&path);
}
