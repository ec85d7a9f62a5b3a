use super::*;
use std::{sync::Arc, thread};

const KEY: &str = "imports/wasabi-club/day 1.csv";

fn folder() -> (tempfile::TempDir, FolderObjects) {
    let dir = tempfile::tempdir().unwrap();
    let objects = FolderObjects::open(dir.path().join("cloud")).unwrap();
    (dir, objects)
}

fn missing<T>(result: &Result<T, ObjectError>) -> bool {
    matches!(result, Err(ObjectError::Missing { .. }))
}

#[tokio::test]
async fn versions_outlive_what_is_seen() {
    let (dir, objects) = folder();
    let first = objects.upload(Bucket::Imports, KEY, b"one").unwrap();
    let second = objects.upload(Bucket::Imports, KEY, b"three").unwrap();
    assert_eq!((first.len(), second.len()), (22, 22));
    assert_eq!(fs::read(dir.path().join("cloud/imports").join(KEY)).unwrap(), b"three");
    for (version, bytes) in [(None, "three"), (Some(&first), "one"), (Some(&second), "three")] {
        let version = version.map(String::as_str);
        assert_eq!(objects.get(Bucket::Imports, KEY, version).await.unwrap(), bytes.as_bytes());
        let info = objects.head(Bucket::Imports, KEY, version).await.unwrap();
        assert_eq!(info.bytes, u64::try_from(bytes.len()).unwrap());
        assert_eq!(info.version, version.unwrap_or(&second));
    }
    assert_eq!(objects.upload(Bucket::Imports, KEY, b"one").unwrap(), first, "the same bytes, the same version");
    assert_eq!(objects.keys(Bucket::Imports).unwrap(), [KEY]);
    assert_eq!(fs::read_dir(dir.path().join("cloud").join(TEMPORARY)).unwrap().count(), 0);
}

/// sha256("") = e3b0c442 98fc1c14 9afbf4c8 996fb924 27…
#[test]
fn a_version_is_the_hash_in_base64() {
    assert_eq!(version_of(&sha256_hex(b"")).unwrap(), "47DEQpj8HBSa-_TImW-5JC");
}

#[tokio::test]
async fn a_file_that_a_person_copied_here_gets_a_version() {
    let (dir, objects) = folder();
    let path = dir.path().join("cloud/imports/imports/visa-auth/f.json");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "old").unwrap();
    let version = objects.head(Bucket::Imports, "imports/visa-auth/f.json", None).await.unwrap().version;
    fs::write(&path, "new").unwrap();
    let old = objects.get(Bucket::Imports, "imports/visa-auth/f.json", Some(&version)).await.unwrap();
    assert_eq!(old, b"old");
}

#[tokio::test]
async fn what_is_not_there_is_missing() {
    let (_dir, objects) = folder();
    let version = objects.upload(Bucket::Imports, "a/b", b"x").unwrap();
    let other = version_of(&sha256_hex(b"other")).unwrap();
    for key in ["a", "a/c", "a/b/c", "z", "../a/b", "/etc/passwd", "a/\0"] {
        assert!(missing(&objects.get(Bucket::Imports, key, None).await), "{key:?}");
        assert!(missing(&objects.head(Bucket::Imports, key, None).await), "{key:?}");
    }
    for version in [other.as_str(), "", "v1", "../../imports/a/b", &version[..21], &format!("{version}A")] {
        assert!(missing(&objects.get(Bucket::Imports, "a/b", Some(version)).await), "{version:?}");
        assert!(missing(&objects.head(Bucket::Imports, "a/b", Some(version)).await), "{version:?}");
    }
    assert!(missing(&objects.get(Bucket::Archive, "a/b", None).await), "buckets are apart");
    assert!(missing(&objects.get(Bucket::Imports, "../a", Some(&version)).await));
}

#[tokio::test]
async fn changed_bytes_are_not_passed_off_as_the_version() {
    let (_dir, objects) = folder();
    let version = objects.upload(Bucket::Imports, KEY, b"one").unwrap();
    fs::write(objects.kept(&version).unwrap().0, b"two").unwrap();
    let answer = objects.get(Bucket::Imports, KEY, Some(&version)).await;
    assert!(matches!(answer, Err(ObjectError::Unavailable { .. })), "{answer:?}");
}

/// Nothing may lead out of the bucket, and refused keys leave nothing behind.
#[tokio::test]
async fn hostile_keys_are_refused() {
    let (dir, objects) = folder();
    let long = "x".repeat(256);
    let deep = "ab/".repeat(400);
    let keys = [
        ("", KeyError::EmptyPart),
        ("/etc/cron.d/x", KeyError::EmptyPart),
        ("a//b", KeyError::EmptyPart),
        ("a/", KeyError::EmptyPart),
        ("..", KeyError::Dot),
        ("../../x", KeyError::Dot),
        ("a/../../x", KeyError::Dot),
        ("a/./b", KeyError::Dot),
        (".versions/aa/bb", KeyError::Dot),
        ("a/.hidden", KeyError::Dot),
        ("a\0b", KeyError::Character),
        ("a\\..\\b", KeyError::Character),
        ("a\nb", KeyError::Character),
        (&long, KeyError::TooLong),
        (&deep, KeyError::TooLong),
    ];
    for (key, why) in keys {
        let refused = objects.upload(Bucket::Imports, key, b"x");
        assert!(matches!(refused, Err(FolderError::Key(e)) if e == why), "{key:?}: {refused:?}");
        let refused = objects.put_new(Bucket::Archive, key, b"x".to_vec()).await;
        assert!(matches!(refused, Err(ObjectError::Unavailable { .. })), "{key:?}: {refused:?}");
    }
    let dropped = "y".repeat(201);
    assert!(objects.upload(Bucket::Imports, &dropped, b"x").is_err());
    assert_eq!(objects.put_new(Bucket::Archive, &dropped, b"x".to_vec()).await.unwrap(), Put::Created);
    assert!(objects.keys(Bucket::Imports).unwrap().is_empty());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn of_many_who_put_one_wins() {
    let (dir, _) = folder();
    for round in 0..20 {
        let start = Arc::new(std::sync::Barrier::new(8));
        let put = |n: usize| {
            // a handle each, as processes have
            let (start, objects) = (Arc::clone(&start), FolderObjects::open(dir.path().join("cloud")).unwrap());
            thread::spawn(move || {
                let path = objects.visible(Bucket::Archive, &format!("batch/{round}")).unwrap();
                start.wait();
                (n, objects.place_new(format!("{n}").repeat(10_000).as_bytes(), &path).unwrap())
            })
        };
        let all: Vec<_> = (0..8).map(put).collect::<Vec<_>>().into_iter().map(|t| t.join().unwrap()).collect();
        let won: Vec<usize> = all.iter().filter(|(_, put)| *put == Put::Created).map(|(n, _)| *n).collect();
        assert_eq!(won.len(), 1, "{all:?}");
        let seen = fs::read_to_string(dir.path().join(format!("cloud/archive/batch/{round}"))).unwrap();
        assert_eq!(seen, format!("{}", won[0]).repeat(10_000), "whole, and the winner's");
    }
    assert_eq!(fs::read_dir(dir.path().join("cloud").join(TEMPORARY)).unwrap().count(), 0);
}
