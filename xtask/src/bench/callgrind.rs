//! Reading what callgrind wrote: how many instructions some functions took, with all they called.

use std::collections::HashMap;

/// The instructions of all functions whose name contains `part`, what they call included. None of them may call another.
pub(super) fn inclusive(text: &str, part: &str) -> u64 {
    let mut names: HashMap<&str, bool> = HashMap::new();
    let (mut is_inside, mut sum) = (false, 0);
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("fn=") {
            is_inside = matches(&mut names, name, part);
        } else if let Some(name) = line.strip_prefix("cfn=") {
            // a name is written out where it is first used, which may be here
            matches(&mut names, name, part);
        } else if is_inside && line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c)) {
            // a line of its own, or the sum of a call: both have a position and a cost
            sum += line.split(' ').nth(1).and_then(|cost| cost.parse().ok()).unwrap_or(0);
        }
    }
    sum
}

/// Names are `(12) full::name` the first time and `(12)` from then on.
fn matches<'a>(names: &mut HashMap<&'a str, bool>, name: &'a str, part: &str) -> bool {
    match name.split_once(' ') {
        Some((number, full)) => {
            let is_one = full.contains(part);
            names.insert(number, is_one);
            is_one
        }
        None => names.get(name).copied().unwrap_or(false),
    }
}

#[cfg(test)]
mod tests {
    use super::inclusive;

    const TEXT: &str = "\
events: Ir
fn=(1) main
10 5
cfn=(2) house::counted_worker
calls=3 20
+1 900

fn=(2)
20 100
+2 50
fi=(7) other.rs
5 25
fe=(3)
cfi=(9) elsewhere.rs
cfn=(4) worker::handle
calls=3 30
* 700

fn=(4)
30 700
fn=(5) house::counted_client
1 11
";

    #[test]
    fn what_a_function_calls_counts_and_who_calls_it_does_not() {
        assert_eq!(inclusive(TEXT, "counted_worker"), 100 + 50 + 25 + 700);
        assert_eq!(inclusive(TEXT, "counted_client"), 11);
        assert_eq!(inclusive(TEXT, "counted_nobody"), 0);
    }
}
