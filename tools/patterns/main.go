// Command patterns says which files BuildKit's own client would send.
//
// It reads requests from stdin and writes answers to stdout, one JSON object a line each. Paths and patterns
// are hexadecimal, since they need not be UTF-8. A request names a directory and what is asked of it; an
// answer has the paths in the order of the walk, and what is needed to tell why another client may differ.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/tonistiigi/fsutil"
)

// A raw string travels as hexadecimal digits.
type raw string

func (r raw) MarshalText() ([]byte, error) {
	return []byte(hex.EncodeToString([]byte(r))), nil
}

func (r *raw) UnmarshalText(text []byte) error {
	decoded, err := hex.DecodeString(string(text))
	*r = raw(decoded)
	return err
}

type request struct {
	Root    string `json:"root"`
	Include []raw  `json:"include"`
	Exclude []raw  `json:"exclude"`
	Follow  []raw  `json:"follow"`
	// Text of an ignore file; its patterns are added to those that exclude.
	Ignore *raw `json:"ignore"`
}

type answer struct {
	// Patterns of the ignore file.
	Ignored []raw `json:"ignored"`
	// What is sent.
	Files []raw  `json:"files"`
	Error string `json:"error"`
	// What is sent when no directory is passed over unseen; null if that is refused.
	Unpruned []raw `json:"unpruned"`
	// What is sent when each followed path is resolved alone; null if that is refused.
	Apart []raw `json:"apart"`
	// Whether a pattern is malformed, also one that no path was held against.
	Bad bool `json:"bad"`
	// What the patterns that exclude say of each path, without a walk.
	Matched []raw `json:"matched"`
}

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "patterns:", err)
		os.Exit(1)
	}
}

func serve(in io.Reader, out io.Writer) error {
	buffered := bufio.NewWriter(out)
	decoder, encoder := json.NewDecoder(in), json.NewEncoder(buffered)
	for {
		var asked request
		if err := decoder.Decode(&asked); errors.Is(err, io.EOF) {
			return buffered.Flush()
		} else if err != nil {
			return err
		}
		said, err := reply(asked)
		if err != nil {
			return err
		}
		if err := encoder.Encode(said); err != nil {
			return err
		}
	}
}

func reply(asked request) (answer, error) {
	said := answer{}
	if asked.Ignore != nil {
		patterns, err := ignorefile.ReadAll(bytes.NewReader([]byte(*asked.Ignore)))
		if err != nil {
			return said, err
		}
		for _, pattern := range patterns {
			said.Ignored = append(said.Ignored, raw(pattern))
		}
		asked.Exclude = append(asked.Exclude, said.Ignored...)
	}
	include, exclude, follow := plain(asked.Include), plain(asked.Exclude), plain(asked.Follow)
	said.Bad = anyBad(include) || anyBad(exclude) || anyBad(targets(asked.Root, follow))

	files, err := walk(asked.Root, include, exclude, follow)
	if err != nil {
		said.Error = err.Error()
		return said, nil
	}
	said.Files = files
	// More patterns are used in these, so that a malformed one may come to light.
	said.Unpruned, _ = walk(asked.Root, watchful(include, ""), watchful(exclude, "!"), follow)
	said.Apart, _ = apart(asked.Root, include, exclude, follow)
	said.Matched, err = match(asked.Root, exclude)
	return said, err
}

func plain(list []raw) []string {
	var out []string
	for _, one := range list {
		out = append(out, string(one))
	}
	return out
}

// watchful adds a pattern that matches nothing and keeps fsutil from passing over directories.
func watchful(patterns []string, mark string) []string {
	if len(patterns) == 0 {
		return nil
	}
	return append([]string{mark + "\x01[\x01]\x01"}, patterns...)
}

func walk(root string, include, exclude, follow []string) ([]raw, error) {
	tree, err := fsutil.NewFS(root)
	if err != nil {
		return nil, err
	}
	options := &fsutil.FilterOpt{IncludePatterns: include, ExcludePatterns: exclude, FollowPaths: follow}
	tree, err = fsutil.NewFilterFS(tree, options)
	if err != nil {
		return nil, err
	}
	files := []raw{}
	err = tree.Walk(context.Background(), "/", func(path string, _ fs.DirEntry, err error) error {
		files = append(files, raw(path))
		return err
	})
	return files, err
}

// targets gives the patterns that followed paths become, and nothing if they cannot be resolved.
func targets(root string, follow []string) []string {
	tree, err := fsutil.NewFS(root)
	if err != nil {
		return nil
	}
	patterns, _ := fsutil.FollowLinks(tree, follow)
	return patterns
}

// apart resolves each followed path as if it were the only one. One with wildcards is several: itself, and every path
// that it can stand for.
func apart(root string, include, exclude, follow []string) ([]raw, error) {
	tree, err := fsutil.NewFS(root)
	if err != nil {
		return nil, err
	}
	names, err := namesIn(root)
	if err != nil {
		return nil, err
	}
	wanted := slices.Clone(include)
	for _, path := range expand(follow, names) {
		targets, err := fsutil.FollowLinks(tree, []string{path})
		if err != nil {
			return nil, err
		}
		if targets == nil {
			// The root itself: no limit by followed paths.
			return walk(root, include, exclude, nil)
		}
		wanted = append(wanted, targets...)
	}
	return walk(root, wanted, exclude, nil)
}

// expand adds, to each path, those in which names stand for components with wildcards. Not all of them exist.
func expand(follow, names []string) []string {
	var all []string
	for _, path := range follow {
		paths := []string{""}
		for _, part := range strings.Split(filepath.Clean(path), "/") {
			choices := []string{part}
			if strings.ContainsAny(part, "*?[") {
				for _, name := range names {
					// A malformed pattern is reported elsewhere.
					if hit, err := filepath.Match(part, name); err == nil && hit {
						choices = append(choices, name)
					}
				}
			}
			var longer []string
			for _, before := range paths {
				for _, choice := range choices {
					longer = append(longer, filepath.Join(before, choice))
				}
			}
			paths = longer
		}
		all = append(all, paths...)
	}
	return all
}

// namesIn gives all names in a tree, each once.
func namesIn(root string) ([]string, error) {
	names := []string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		names = append(names, entry.Name())
		return nil
	})
	slices.Sort(names)
	return slices.Compact(names), err
}

// anyBad holds each pattern alone against a path, where a list would hold only those that can matter.
func anyBad(patterns []string) bool {
	for _, pattern := range patterns {
		// An exception is only looked at behind a match.
		matcher, err := patternmatcher.New([]string{"**", pattern})
		if err != nil {
			return true
		}
		if last := matcher.Patterns()[len(matcher.Patterns())-1]; !last.Exclusion() {
			if matcher, err = patternmatcher.New([]string{pattern}); err != nil {
				return true
			}
		}
		if _, err := matcher.MatchesOrParentMatches("x"); err != nil {
			return true
		}
	}
	return false
}

// match gives the paths of the whole tree that the patterns match, each looked at for itself.
func match(root string, patterns []string) ([]raw, error) {
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, err
	}
	matched := []raw{}
	err = filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		// A malformed pattern is reported elsewhere.
		if hit, err := matcher.MatchesOrParentMatches(relative); err == nil && hit {
			matched = append(matched, raw(relative))
		}
		return nil
	})
	return matched, err
}
