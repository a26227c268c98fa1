//! Reads the table of ARCHITECTURE.md that walks through the files: one row a file, and what
//! happens there to one event, one question, one change of the weights.

/// The heading that the table stands under.
const HEADING: &str = "## One event, one question, one weight change";

/// A row: the file's path, and whether each of the walks passes it.
#[derive(Debug, PartialEq)]
pub(crate) struct Stage {
    pub(crate) file: String,
    pub(crate) walks: Vec<bool>,
}

/// The names of the walks and the rows, or what is wrong with the table. A cell that is empty, or
/// holds a dash, says that its walk does not pass the file.
pub(crate) fn read(markdown: &str) -> Result<(Vec<String>, Vec<Stage>), String> {
    let (_, section) = markdown.split_once(HEADING).ok_or(format!("there is no {HEADING:?}"))?;
    let section = section.split("\n#").next().unwrap_or_default();
    let mut rows = section.lines().filter(|line| line.starts_with('|')).map(cells);
    let walks = rows.next().ok_or("there is no table under the heading")?.split_off(1);
    let is_ruler =
        |row: &[String]| row.iter().all(|cell| cell.trim_matches(':').chars().all(|c| c == '-'));
    if !rows.next().is_some_and(|row| is_ruler(&row)) {
        return Err("the table has no line under its head".into());
    }
    let stages = rows.map(|row| {
        let file = row[0].strip_prefix('`').and_then(|cell| cell.split('`').next());
        let file = file.ok_or(format!("a row begins with {:?}, not with a `file`", row[0]))?;
        if row.len() != walks.len() + 1 {
            return Err(format!("the row of {file} has {} cells", row.len()));
        }
        let is_passed = |cell: &String| !["", "-", "–", "—"].contains(&cell.as_str());
        Ok(Stage { file: file.to_owned(), walks: row[1..].iter().map(is_passed).collect() })
    });
    Ok((walks.clone(), stages.collect::<Result<_, String>>()?))
}

/// The cells of a line; `\|` is no end of one.
fn cells(line: &str) -> Vec<String> {
    let line = line.trim().trim_start_matches('|');
    let line = line.strip_suffix('|').unwrap_or(line).replace("\\|", "\0");
    line.split('|').map(|cell| cell.trim().replace('\0', "|")).collect()
}

/// What is wrong with the walks, given where each file stands in the tree: its crate, and its place
/// there. `None` stands for a file that does not exist.
pub(crate) fn faults(
    (names, stages): &(Vec<String>, Vec<Stage>),
    place: impl Fn(&str) -> Option<(String, usize)>,
) -> Vec<String> {
    let mut faults: Vec<String> = stages
        .iter()
        .filter(|stage| place(&stage.file).is_none())
        .map(|stage| format!("there is no file {}", stage.file))
        .collect();
    for (walk, name) in names.iter().enumerate() {
        let passed: Vec<&str> = stages
            .iter()
            .filter(|stage| stage.walks[walk])
            .map(|stage| stage.file.as_str())
            .collect();
        if passed.is_empty() {
            faults.push(format!("{name} passes no file"));
        }
        for (index, file) in passed.iter().enumerate() {
            let Some((home, at)) = place(file) else { continue };
            let before = passed[..index].iter().filter_map(|&before| {
                place(before).filter(|(other, _)| *other == home).map(|(_, at)| (before, at))
            });
            for (before, earlier) in before {
                if earlier == at {
                    faults.push(format!("{name} passes {file} twice"));
                } else if earlier > at {
                    faults.push(format!("{name} passes {before} before {file}, unlike the tree"));
                }
            }
        }
    }
    faults
}
