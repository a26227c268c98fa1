# shellcheck shell=bash
# Format, lints, and the tests that need nothing: for every commit.

quick() {
  need "${build_needs[@]}"
  tell_missing "${whole_needs[@]}"
  format_and_lints
  step "unit and architecture tests" \
    cargo test --workspace --locked --lib --bins --test architecture --test contributing
}

format_and_lints() {
  step "format" cargo fmt --all --check
  if command -v shellcheck >/dev/null; then
    step "shell scripts" shellcheck scripts/{bench,chaos,image-check,services,test} scripts/*.d/*.sh \
      scripts/services.d/apt-install .ci/run
  fi
  step "lints" cargo clippy --workspace --all-targets --locked -- -D warnings
}
