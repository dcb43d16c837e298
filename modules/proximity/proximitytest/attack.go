package proximitytest

import (
	"fmt"
	"math"
	"sort"
)

// Equation is a published number, as an attacker writes it down: it is the sum of some
// unknowns.
type Equation struct {
	Name string
	Sum  []string // unknowns, each a cell or a way in one bin
}

// Secret is the truth that the attacker is after: who stands behind each unknown.
type Secret map[string]map[string]bool

// behind counts the distinct devices behind some unknowns.
func (s Secret) behind(unknowns []string) int {
	all := map[string]bool{}
	for _, u := range unknowns {
		for d := range s[u] {
			all[d] = true
		}
	}
	return len(all)
}

// Attack tries to learn something about fewer than k devices: it solves the published
// equations for single unknowns by elimination, and subtracts every one, and with
// triples every two, of them from every other. It returns what it found.
func Attack(equations []Equation, secret Secret, k int, triples bool) (found []string) {
	unknowns, rows := atoms(equations)
	large := largeOf(unknowns, secret, k)
	check := func(support bitset, what func() string) {
		places := exposed(unknowns, support, large)
		if n := secret.behind(places); len(places) > 0 && n < k {
			found = append(found, fmt.Sprintf("%s: %d devices in %d places", what(), n, len(places)))
		}
	}
	for i, row := range reduce(rows) {
		check(supportOf(row), func() string { return fmt.Sprintf("solution %d", i) })
	}
	sets := make([]bitset, len(rows))
	for i, row := range rows {
		sets[i] = supportOf(row)
	}
	rest := make(bitset, len(large))
	for i, a := range sets {
		for j, b := range sets {
			last := j
			if triples {
				last = len(sets) - 1
			}
			for l := j; l <= last; l++ { // i − j − l; with l = j: i − j
				if !rest.minus(a, b, sets[l], l == j).meets(large) {
					check(rest, func() string { return equations[i].Name + " − " + equations[j].Name + " − " + equations[l].Name })
				}
			}
		}
	}
	return found
}

// largeOf are the atoms that are safe company.
func largeOf(unknowns [][]string, secret Secret, k int) bitset {
	large := make(bitset, len(unknowns)/64+1)
	for j, u := range unknowns {
		if secret.behind(u) >= k {
			large.put(j)
		}
	}
	return large
}

// exposed are the places of a support; none when it has safe company.
func exposed(unknowns [][]string, support, large bitset) (places []string) {
	for j := range unknowns {
		if support.has(j) && large.has(j) {
			return nil
		}
		if support.has(j) {
			places = append(places, unknowns[j]...)
		}
	}
	return places
}

// bitset is a set of atoms.
type bitset []uint64

func (s bitset) put(j int)      { s[j/64] |= 1 << (j % 64) }
func (s bitset) has(j int) bool { return s[j/64]>>(j%64)&1 == 1 }

func (s bitset) meets(o bitset) bool {
	for w := range s {
		if s[w]&o[w] != 0 {
			return true
		}
	}
	return false
}

// minus makes s the atoms whose coefficient in a − b − c is not zero; in a − b if c is b.
func (s bitset) minus(a, b, c bitset, once bool) bitset {
	for w := range s {
		if s[w] = a[w] ^ b[w]; !once {
			s[w] = a[w] ^ (b[w] | c[w]) | b[w]&c[w]
		}
	}
	return s
}

func supportOf(row []float64) bitset {
	s := make(bitset, len(row)/64+1)
	for j, v := range row {
		if math.Abs(v) > 1e-9 {
			s.put(j)
		}
	}
	return s
}

// atoms groups unknowns that no equation tells apart, and writes the equations over them.
func atoms(equations []Equation) (unknowns [][]string, rows [][]float64) {
	in := map[string]string{}
	for i, e := range equations {
		for _, u := range e.Sum {
			in[u] += fmt.Sprintf("%d,", i)
		}
	}
	index := map[string]int{}
	names := make([]string, 0, len(in))
	for u := range in {
		names = append(names, u)
	}
	sort.Strings(names)
	for _, u := range names {
		if _, known := index[in[u]]; !known {
			index[in[u]] = len(unknowns)
			unknowns = append(unknowns, nil)
		}
		a := index[in[u]]
		unknowns[a] = append(unknowns[a], u)
	}
	for _, e := range equations {
		row := make([]float64, len(unknowns))
		for _, u := range e.Sum {
			row[index[in[u]]] = 1
		}
		rows = append(rows, row)
	}
	return unknowns, rows
}

// reduce is Gauss and Jordan's elimination; it returns the rows that are not zero.
func reduce(in [][]float64) (rows [][]float64) {
	for _, r := range in {
		rows = append(rows, append([]float64{}, r...))
	}
	rank := 0
	for col := 0; rank < len(rows) && col < len(rows[0]); col++ {
		pivot := pivotOf(rows, rank, col)
		if math.Abs(rows[pivot][col]) < 1e-9 {
			continue
		}
		rows[rank], rows[pivot] = rows[pivot], rows[rank]
		scale := rows[rank][col]
		for j := range rows[rank] {
			rows[rank][j] /= scale
		}
		for i := range rows {
			if by := rows[i][col]; i != rank && by != 0 {
				for j := range rows[i] {
					rows[i][j] -= by * rows[rank][j]
				}
			}
		}
		rank++
	}
	return rows[:rank]
}

// pivotOf is the row, from rank on, that is largest in a column.
func pivotOf(rows [][]float64, rank, col int) int {
	pivot := rank
	for i := rank; i < len(rows); i++ {
		if math.Abs(rows[i][col]) > math.Abs(rows[pivot][col]) {
			pivot = i
		}
	}
	return pivot
}
