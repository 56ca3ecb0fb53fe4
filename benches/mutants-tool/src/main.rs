//! Rewrites source files so that each mutant of a list is in them, behind `crate::mutant::active(ID)`.
//!
//!     mutants-tool FOLDER <mutants.json >placed.json
//!
//! In: a list of `{id, file, genre, start, end, replacement}` as cargo-mutants has them (`[line, column]`, from 1, in
//! characters). Out: `{id, file, ranges, extent}` of each mutant that was placed, in bytes of the rewritten file, so
//! that a compiler's error can be laid to a mutant. A mutant that is not in the output has no place: its code would not
//! compile, such as `||` in a chain of `let`.
//!
//! Only one mutant is active at a time. So a mutated copy of an expression is made of the original text, and the
//! rewritten text around it only needs what comes before and after: all changes are insertions.

use std::collections::BTreeMap;
use std::ops::Range;

use proc_macro2::{LineColumn, Span};
use serde::{Deserialize, Serialize};
use syn::spanned::Spanned;
use syn::visit::Visit;

#[derive(Deserialize)]
struct Mutant {
    id: u32,
    file: String,
    genre: String,
    start: (usize, usize),
    end: (usize, usize),
    replacement: String,
}

#[derive(Serialize)]
struct Placed<'a> {
    id: u32,
    file: &'a str,
    /// The inserted texts.
    ranges: Vec<Range<usize>>,
    /// From the first to the end of the last.
    extent: Range<usize>,
}

/// What one mutant inserts around a range of the original text.
struct Edit {
    id: u32,
    around: Range<usize>,
    before: String,
    after: String,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: mutants-tool FOLDER <mutants.json")?;
    let mutants: Vec<Mutant> = serde_json::from_reader(std::io::stdin())?;
    let mut by_file: BTreeMap<&str, Vec<&Mutant>> = BTreeMap::new();
    for mutant in &mutants {
        by_file.entry(&mutant.file).or_default().push(mutant);
    }
    let mut placed = Vec::new();
    for (file, mutants) in by_file {
        let path = std::path::Path::new(&folder).join(file);
        let source = std::fs::read_to_string(&path)?;
        let mut finder = Finder { source: &source, mutants: &mutants, edits: Vec::new() };
        finder.function_values();
        finder.visit_file(&syn::parse_file(&source)?);
        let (text, ranges) = insert(&source, &finder.edits);
        std::fs::write(&path, text)?;
        placed.extend(ranges.into_iter().map(|(id, ranges)| {
            let extent = ranges[0].start..ranges[ranges.len() - 1].end;
            Placed { id, file, ranges, extent }
        }));
    }
    println!("{}", serde_json::to_string(&placed)?);
    Ok(())
}

struct Finder<'a> {
    source: &'a str,
    mutants: &'a [&'a Mutant],
    edits: Vec<Edit>,
}

impl<'a> Finder<'a> {
    fn at(&self, genre: &str, span: Span) -> Vec<&'a Mutant> {
        let LineColumn { line, column } = span.start();
        let here = |mutant: &&&Mutant| mutant.genre == genre && mutant.start == (line, column + 1);
        self.mutants.iter().filter(here).copied().collect()
    }

    fn text(&self, range: Range<usize>) -> &'a str {
        &self.source[range]
    }

    fn offset(&self, (line, column): (usize, usize)) -> usize {
        let before: usize = self.source.split_inclusive('\n').take(line - 1).map(str::len).sum();
        self.source[before..].char_indices().nth(column - 1).map_or(self.source.len(), |(at, _)| before + at)
    }

    fn edit(&mut self, id: u32, around: Range<usize>, before: String, after: &str) {
        self.edits.push(Edit { id, around, before, after: after.to_owned() });
    }

    /// `mutated` instead of the expression in this range.
    fn choose(&mut self, id: u32, around: Range<usize>, mutated: &str) {
        self.edit(id, around, format!("(if crate::mutant::active({id}) {{ {mutated} }} else {{ "), " })");
    }

    fn function_values(&mut self) {
        for mutant in self.mutants.iter().filter(|mutant| mutant.genre == "FnValue") {
            // The type behind `impl Iterator` is that of all returned values.
            if mutant.replacement.starts_with("::std::iter::") {
                continue;
            }
            let at = self.offset(mutant.start);
            let Mutant { id, replacement, .. } = mutant;
            self.edit(*id, at..at, format!("if crate::mutant::active({id}) {{ return {replacement}; }} "), "");
        }
    }

    /// An arm with a guard is deleted by a guard that is false, as any is.
    fn arm(&mut self, arm: &syn::Arm) {
        let Some((_, guard)) = &arm.guard else {
            let end = arm.pat.span().byte_range().end;
            for Mutant { id, .. } in self.at("MatchArm", arm.span()) {
                self.edit(*id, end..end, format!(" if !crate::mutant::active({id})"), "");
            }
            return;
        };
        let around = guard.span().byte_range();
        for mutant in self.at("MatchArmGuard", guard.span()) {
            let active = format!("crate::mutant::active({})", mutant.id);
            match (mutant.replacement.as_str(), has_let(guard)) {
                ("true", false) => self.edit(mutant.id, around.clone(), format!("({active} || ("), "))"),
                (_, false) => self.edit(mutant.id, around.clone(), format!("(!{active} && ("), "))"),
                ("true", true) => {}
                (_, true) => self.edit(mutant.id, around.clone(), format!("!{active} && "), ""),
            }
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        let (left, right) = (binary.left.span().byte_range(), binary.right.span().byte_range());
        if !has_let(&binary.left) && !has_let(&binary.right) {
            for mutant in self.at("BinaryOperator", binary.op.span()) {
                let (a, b) = (self.text(left.clone()), self.text(right.clone()));
                let mutated = format!("({a}) {} ({b})", mutant.replacement);
                self.choose(mutant.id, left.start..right.end, &mutated);
            }
        }
        syn::visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'ast syn::ExprUnary) {
        for mutant in self.at("UnaryOperator", unary.op.span()) {
            let operand = self.text(unary.expr.span().byte_range());
            self.choose(mutant.id, unary.span().byte_range(), operand);
        }
        syn::visit::visit_expr_unary(self, unary);
    }

    fn visit_expr_match(&mut self, expr: &'ast syn::ExprMatch) {
        // Where each `_` has a guard, a match without one of its other arms would not compile.
        let catches_all = expr.arms.iter().any(|arm| matches!(arm.pat, syn::Pat::Wild(_)) && arm.guard.is_none());
        for arm in expr.arms.iter().filter(|arm| catches_all || arm.guard.is_some()) {
            self.arm(arm);
        }
        syn::visit::visit_expr_match(self, expr);
    }

    fn visit_expr_struct(&mut self, literal: &'ast syn::ExprStruct) {
        let whole = literal.span().byte_range();
        for field in &literal.fields {
            for mutant in self.at("StructField", field.span()) {
                let gone = self.offset(mutant.start)..self.offset(mutant.end);
                let rest = (self.text(whole.start..gone.start), self.text(gone.end..whole.end));
                self.choose(mutant.id, whole.clone(), &format!("{}{}", rest.0, rest.1));
            }
        }
        syn::visit::visit_expr_struct(self, literal);
    }
}

/// Is it a chain of conditions that has a `let`? Such a chain stands in no parentheses.
fn has_let(expr: &syn::Expr) -> bool {
    match expr {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

/// The text with all insertions, and where each mutant's are in it.
fn insert(source: &str, edits: &[Edit]) -> (String, BTreeMap<u32, Vec<Range<usize>>>) {
    // At one place: what ends there, inner ones first; then what stands there alone; then what begins, outer ones first.
    let mut pieces: Vec<(usize, u8, usize, i64, &Edit, &str)> = Vec::new();
    for edit in edits {
        let Range { start, end } = edit.around;
        let alone = start == end;
        let width = end - start;
        pieces.push((start, if alone { 1 } else { 2 }, usize::MAX - width, i64::from(edit.id), edit, &edit.before));
        if !edit.after.is_empty() {
            pieces.push((end, 0, width, -i64::from(edit.id), edit, &edit.after));
        }
    }
    pieces.sort_by_key(|(at, kind, width, id, ..)| (*at, *kind, *width, *id));
    let mut text = String::new();
    let mut ranges: BTreeMap<u32, Vec<Range<usize>>> = BTreeMap::new();
    let mut copied = 0;
    for (at, _, _, _, edit, piece) in pieces {
        text.push_str(&source[copied..at]);
        copied = at;
        ranges.entry(edit.id).or_default().push(text.len()..text.len() + piece.len());
        text.push_str(piece);
    }
    text.push_str(&source[copied..]);
    (text, ranges)
}
