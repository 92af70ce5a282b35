/* SPDX-License-Identifier: Apache-2.0 */
/* keeper.pml - the keeper's protocol: how it trims IMA's list without losing a record. tools/check_model.sh checks it.
 *
 * Actors:
 *   the kernel   the list and the PCRs A and B. A record is appended, then extends the PCR it names, under one lock
 *   the keeper
 *   the other    stages, deletes and counts in any order
 *   the machine  ends the keeper at any step, reboots, and executes kexec
 * README.md says what is abstracted, and why the properties carry over.
 *
 * Records are bits: bit i of a mask is record i of the chain. No list ever changes the order of its records, so a mask
 * is a list. A hash chain never takes the same value twice, so the value of a PCR names the records that extended it.
 * Here the value is the number of the last of them plus one, or 0 if there is none. Replay is computed from masks.
 *
 * -DMETHOD=STAGE or COUNT selects the method. -DPCRS=2 lets records name PCR B. The bounds are below. -DLIVE adds the
 * property about the end of every run. -DBROKEN_... leaves one rule of the protocol out; the search must then find an
 * error. */

#define STAGE 1
#define COUNT 2
#ifndef METHOD
#define METHOD STAGE
#endif

#ifndef PCRS
#define PCRS 1
#endif

/* Bounds. A mask has 8 bits; ONES() and TOP() look at 6. */
#ifndef RECORDS
#define RECORDS 4
#endif
#ifndef OTHER_ACTS
#define OTHER_ACTS 2
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef REBOOTS
#define REBOOTS 0
#endif
#ifndef KEXECS
#define KEXECS 0
#endif

#define BELOW(n) ((1 << (n)) - 1)
#define FROM_TO(a, b) (BELOW(b) & ~BELOW(a))
#define ONES(m) \
  (((m) & 1) + (((m) >> 1) & 1) + (((m) >> 2) & 1) + (((m) >> 3) & 1) + (((m) >> 4) & 1) + (((m) >> 5) & 1))
#define TOP(m) (((m) >= 1) + ((m) >= 2) + ((m) >= 4) + ((m) >= 8) + ((m) >= 16) + ((m) >= 32)) /* last record + 1 */
#define LAST(m) (TOP(m) - 1)
#define LOWEST(m) ((m) & -(m))
#define AT_LEAST_0(a, b) ((a) > (b) -> (a) - (b) : 0)

/* The search itself prints which claim failed, and which of the states that must be reachable it has reached. With
 * -DONLY=CLAIM it checks no other claim. */
#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)
c_decl {
  static void say_once(const char* what, const char* name) {
    static const char* said[64];
    for (int i = 0; i < 64; ++i) {
      if (said[i] == name) return;
      if (said[i]) continue;
      said[i] = name;
      printf("%s %s\n", what, name);
      return;
    }
  }
  static int violated(const char* name) {
#ifdef ONLY
    if (strcmp(name, TEXT(ONLY)) != 0) return 0;
#endif
    say_once("violated:", name);
    return 1;
  }
}
bool refuted;
#define CLAIM(name, holds) \
  if \
  :: (holds) \
  :: else -> c_code { now.refuted = violated(#name); }; assert(!refuted) \
  fi
#define REACHED(name) c_code { say_once("reached:", #name); }
#define REACHED_IF(name, holds) \
  if \
  :: (holds) -> REACHED(name) \
  :: else \
  fi

/* The kernel. */
byte staged, current;
byte appended; /* records of this chain, ever */
byte extended; /* one less than appended while a record is in flight */
byte in_b;     /* records that name PCR B; the others name PCR A */
byte chain;    /* one more with every TPM reset */
byte boot;     /* the boot id: one more with every kernel */
bool suspended;
bool keeper_reads, keeper_writes, other_reads, other_writes; /* who has the files open, and how */
#define LIST (staged | current)
#define OF_A (BELOW(6) & ~in_b)
#define OF_B in_b
#define PCR_A TOP(OF_A & BELOW(extended))
#define PCR_B TOP(OF_B & BELOW(extended))

/* The archive. Durable, and changed by one step for each transaction. */
bool has_chain;
byte a_chain;            /* the chain it is following */
byte end_a, end_b;       /* the PCRs' values after its last record */
/* The number of its last records that the kernel's list holds, as far as the keeper knows: end - head. */
byte in_list;
/* The pending trim: the number of records from the head on that the keeper is about to delete. 0: none. */
byte pending;
bool anchored;           /* its end is an anchor */
#ifdef BROKEN_LAST_ANCHOR
bool last_parted_a, last_parted_b;
#endif
bool parted_a, parted_b; /* an anchor copied this value, and the keeper saw no other value since */
byte a_boot;             /* the kernel that the list was last seen with */
#define NO_BOOT 255 /* a chain that was just begun */

/* The truth about the current chain. Only the claims read it. The keeper reads `archived` if content tells records
 * apart. */
byte archived;      /* records whose content is durable in the archive */
byte matched;       /* records whose replay matched a value of the PCR that they name; a copied value is none */
byte lost_to_other; /* deleted by the other actor before they were archived */
byte lost_to_kexec; /* dropped by kexec before they were archived */
byte other_deleted; /* how many records the other actor deleted */
byte accused;       /* how many records the keeper says that it deleted */

byte records_left = RECORDS;
byte acts_left = OTHER_ACTS;
byte crashes_left = CRASHES;
byte reboots_left = REBOOTS;
byte kexecs_left = KEXECS;

/* The keeper's memory. A crash clears it. */
bool killed;
byte verdict; /* of the last look */
#define NOTHING 0
#define MATCHES 1
#define MISMATCH 2
bool settled; /* the values are those of the last look, and the settle time is over */
bool alike; /* content does not tell records apart */
byte lower; /* if alike: how many records before the last possible place the keeper places the list */
bool was_staged;
byte count_before, seen_a, seen_b, settle_end;
byte deleting; /* records that the request deletes */

bool matches;
byte list, records, new, index, gone, ours, known, rest, rest_a, rest_b, until; /* used within one step */

inline forget_step() {
  list = 0; records = 0; new = 0; index = 0; gone = 0; ours = 0; known = 0; rest = 0; rest_a = 0;
  rest_b = 0; until = 0; matches = 0
}
inline forget_reading() { count_before = 0; seen_a = 0; seen_b = 0; settle_end = 0; settled = 0; alike = 0; lower = 0 }
inline forget() { forget_reading(); verdict = NOTHING; was_staged = 0; deleting = 0 }

inline drop_first(mask, n) {
  records = n;
  do
  :: records > 0 && mask != 0 -> mask = mask & (mask - 1); records--
  :: else -> break
  od
}

/* The extends of a PCR from the archive's end to the value that was read. */
#define UNSEEN_A (OF_A & FROM_TO(end_a, seen_a))
#define UNSEEN_B (OF_B & FROM_TO(end_b, seen_b))
#define UNSEEN (UNSEEN_A | UNSEEN_B)

#define CLAIM_DELETION(deleted) \
  CLAIM(only_what_is_archived_is_deleted, ((deleted) & ~archived) == 0); \
  CLAIM(only_what_its_own_pcr_proves_is_deleted, ((deleted) & ~matched) == 0)

/* Before its end the archive lacks only records that somebody else destroyed. So each record before its end that the
 * list holds is archived, whether the list has missing ranges or not. */
inline claim_accounts() {
  CLAIM(nothing_is_stepped_over,
        !has_chain || a_chain != chain ||
        (((OF_A & BELOW(end_a)) | (OF_B & BELOW(end_b))) & ~(archived | lost_to_other | lost_to_kexec)) == 0);
  CLAIM(every_record_is_accounted_for, (archived | LIST | lost_to_other | lost_to_kexec) == BELOW(appended))
}

inline put(records_put) {
  archived = archived | records_put;
  lost_to_other = lost_to_other & ~archived;
  lost_to_kexec = lost_to_kexec & ~archived
}

inline accuse(n) {
  REACHED_IF(other_accused, n > 0);
  accused = accused + n;
  CLAIM(others_are_accused_only_of_what_they_deleted, accused <= other_deleted)
}

/* The list holds the archive's last `found` records. Of the records that it held before and lacks now, the keeper
 * deleted as many as the pending trim covers, and somebody else deleted the others. If another kernel runs, a kexec
 * may have dropped them. */
inline decide(found) {
  CLAIM(no_record_comes_back, in_list >= found);
  gone = in_list - found;
#ifdef BROKEN_IGNORE
  ours = 0;
#else
  ours = (gone < pending -> gone : pending);
#endif
  REACHED_IF(pending_trim_without_deletion, pending > 0 && gone == 0);
  REACHED_IF(pending_trim_with_deletion, pending > 0 && gone == pending);
  if
#ifndef BROKEN_KEXEC
  :: a_boot != boot -> REACHED_IF(list_shorter_over_kexec, a_boot != NO_BOOT && gone > 0)
#endif
  :: else -> accuse(gone - ours)
  fi;
  in_list = found;
  pending = 0;
  a_boot = boot
}
/* With a pending trim, or under another kernel, the keeper decides only if the list does not change. If a record in
 * flight equals a deleted one, it hides the deletion until it is extended. By then the pending trim would be
 * cleared, and the keeper would accuse others. */
#define OPEN_QUESTION (pending != 0 || a_boot != boot)

/* The records whose replay matched. A value that an anchor copied and that the PCR still has is compared with
 * itself, so it proves nothing. */
#ifdef BROKEN_ONE_PCR /* only PCR A is compared */
#define COMPARED_B 0
#else
#define COMPARED_B OF_B
#endif
#define BEFORE_SEEN ((OF_A & BELOW(seen_a)) | (OF_B & BELOW(seen_b)))
inline match() {
  matched = matched | (BEFORE_SEEN & ((parted_a -> 0 : OF_A) | (parted_b -> 0 : COMPARED_B)))
}

/* One transaction: archives the list's records `rest`, which end before the list's record `index`, as the log's records
 * `new`. Both have the same number of records, and name the same PCRs in the same order. */
inline archive_list() {
  rest_a = rest;
  rest_b = new;
  do
  :: rest_a != 0 && rest_b != 0 && ((LOWEST(rest_a) & in_b) == 0) == ((LOWEST(rest_b) & in_b) == 0) ->
     rest_a = rest_a & (rest_a - 1);
     rest_b = rest_b & (rest_b - 1)
  :: else -> break
  od;
  CLAIM(records_are_archived_once_and_in_order,
        (new & archived) == 0 && (alike || new == 0 || archived < LOWEST(new)) && rest_a == 0 && rest_b == 0);
  parted_a = parted_a && seen_a == end_a;
  parted_b = parted_b && seen_b == end_b;
  match();
  put(new);
  CLAIM(a_gap_is_reported_if_records_were_lost, alike || ((lost_to_other | lost_to_kexec) & UNSEEN) == 0);
  REACHED_IF(record_not_covered_yet, ONES(list) > index);
  REACHED_IF(pcrs_of_two_moments, (UNSEEN & ~archived) != 0);
  in_list = in_list + ONES(new);
  end_a = TOP(OF_A & (new | BELOW(end_a)));
  end_b = TOP(OF_B & (new | BELOW(end_b)));
  anchored = anchored && new == 0;
  REACHED_IF(one_pcr_went_on, !anchored && (parted_a || parted_b));
  claim_accounts();
  if
#ifdef BROKEN_RECOVERY
  :: false
#else
  :: OPEN_QUESTION
#endif
  :: else -> decide(index)
  fi
}

#ifdef BROKEN_MISSING /* the archived records must be in the list without a missing range */
#define LACKS_RECORDS ((archived & ~list & BELOW(LAST(list & archived)) & ~(LOWEST(list & archived) - 1)) != 0)
#else
#define LACKS_RECORDS false
#endif

/* The PCRs were read between two counts of the current list. So the prefix of the log that a value covers ends at most
 * one record before the first count, and not after the second count. Staged records are extended. */
#define FIRST_PLACE (ONES(staged) + AT_LEAST_0(count_before, 1))

/* If records repeat and name both PCRs, several places may match, and each gives the records another order. PCR A
 * may match one record too far: with a record that was in flight, or not appended, when PCR A was read. A list that
 * does not change has only one place, because the PCRs cover it to its end. With two PCRs the model leaves out one
 * case: a lost record that equals a record of the list. */
#ifdef BROKEN_PLACES
#define ONE_PLACE true
#else
#define ONE_PLACE \
  (in_b == 0 || (OF_A & BELOW(appended)) == 0 || settled && rest_a == 0 && rest_b == 0)
#endif
#define IS_LISTED(from_a, from_b) \
  ((((OF_A & FROM_TO(from_a, seen_a)) | (COMPARED_B & FROM_TO(from_b, seen_b))) & ~list) == 0)
#define TELLS(from_a, from_b) (!alike || PCRS == 1 || ONE_PLACE && IS_LISTED(from_a, from_b))

/* Replays the list after its first `known` records, from the values `from_a` and `from_b`. A PCR's value matches after
 * the last record that extended the PCR, and holds up to the next record that names it. The keeper read the PCRs at two
 * moments. So the covered part of the list ends before its record `index`: the first at which a value stops to hold. */
inline replay(from_a, from_b) {
  rest = list;
  drop_first(rest, known);
  rest_a = rest & OF_A;
  rest_b = rest & COMPARED_B;
  matches = (ONES(rest_a) >= ONES(OF_A & FROM_TO(from_a, seen_a)) &&
          ONES(rest_b) >= ONES(COMPARED_B & FROM_TO(from_b, seen_b)));
  drop_first(rest_a, ONES(OF_A & FROM_TO(from_a, seen_a)));
  drop_first(rest_b, ONES(COMPARED_B & FROM_TO(from_b, seen_b)));
  until = LOWEST(rest_a | rest_b);
  index = ONES(list & (until - 1));
  rest = rest & (until - 1);
  matches = matches && index >= FIRST_PLACE && TELLS(from_a, from_b)
}
/* The records of the log as which `rest` is archived. If content does not tell them apart: the next ones of each
 * PCR. */
inline set_new(from_a, from_b) {
  new = rest;
  if
  :: alike ->
     rest_a = OF_A & ~BELOW(from_a);
     drop_first(rest_a, ONES(rest & OF_A));
     rest_b = OF_B & ~BELOW(from_b);
     drop_first(rest_b, ONES(rest & OF_B));
     new = (OF_A & ~BELOW(from_a) & ~rest_a) | (OF_B & ~BELOW(from_b) & ~rest_b)
  :: else
  fi
}

/* Finds the list's place. If content tells records apart, the keeper knows the archived records wherever they are,
 * and the others must match the PCRs. If content does not tell them apart, the records of one PCR are alike, and
 * several places may match. Then the keeper takes the last place, by which the fewest records were deleted. If only
 * some records are alike, content rules out some places, but never the true one: `lower`. */
#define UNSEEN_IS_LISTED ((UNSEEN & (OF_A | COMPARED_B) & ~(list & ~archived)) == 0)
inline look() {
  list = LIST;
  was_staged = (staged != 0);
  verdict = MISMATCH;
  if
  :: has_chain && a_chain == chain && alike ->
     known = (in_list > ONES(list) -> ONES(list) : in_list);
     do
     :: true ->
        replay(end_a, end_b);
        if
        :: matches && (lower == 0 || !UNSEEN_IS_LISTED || known <= ONES(list & archived)) -> verdict = MATCHES; break
        :: matches && !(lower == 0 || !UNSEEN_IS_LISTED || known <= ONES(list & archived)) -> lower--; known--
        :: !matches && known > 0 -> known--
        :: else -> break
        fi
     od
  :: has_chain && a_chain == chain && !alike ->
     known = ONES(list & archived);
     replay(end_a, end_b);
     if
     :: matches && UNSEEN_IS_LISTED && !LACKS_RECORDS -> verdict = MATCHES
     :: else
     fi
  :: else
  fi;
  if
  :: verdict == MATCHES -> set_new(end_a, end_b)
  :: else ->
     known = 0;
     replay(0, 0);
     if
     :: matches && (alike || (BEFORE_SEEN & (OF_A | COMPARED_B) & ~list) == 0) ->
        if
        :: index == 0 -> verdict = NOTHING
        :: else ->
           /* The list matches the PCRs from a TPM reset on: a new boot. The keeper closes the last chain, and clears
            * its pending trim. */
           REACHED_IF(new_boot, has_chain);
           verdict = MATCHES;
           set_new(0, 0);
           has_chain = 1; a_chain = chain; end_a = 0; end_b = 0; in_list = 0; pending = 0;
           anchored = 0; parted_a = 0; parted_b = 0; a_boot = NO_BOOT
        fi
     :: else
     fi
  fi;
  if
  :: verdict == MATCHES -> archive_list()
  :: else
  fi;
  forget_step()
}

/* After the settle time, an extend that was in flight is done. The model assumes nothing else about time. The list
 * stays open for reading meanwhile. Otherwise others could delete as many records as are appended, and the count
 * would be the same. */
#if defined(BROKEN_ANCHOR)
#define SETTLE settled = 1
#elif defined(BROKEN_SETTLE)
#define SETTLE settle_end = appended; settled = 1; keeper_reads = 0
#else
#define SETTLE settle_end = appended; settled = 1
#endif
#define HAS_SETTLED (extended >= settle_end)
#define UNCHANGED (PCR_A == seen_a && PCR_B == seen_b && ONES(current) == count_before)

/* The list does not match the PCRs, and does not change. The keeper archives all of it, and copies the PCR values
 * for its end. If content cannot tell whether a record is archived already, the keeper archives it again rather than
 * lose it. A PCR has parted if the list does not match its value. */
#define PARTS(unseen, of) (alike -> ONES(new & (of)) != ONES(unseen) : (new & (of)) != (unseen))
inline anchor() {
  list = LIST;
  new = (alike -> list : list & ~archived);
#ifdef BROKEN_CONTENT
  if
  :: alike -> drop_first(new, in_list)
  :: else
  fi;
#endif
  if
  :: has_chain && a_chain == chain ->
     REACHED_IF(gap_made_by_other, a_boot == boot);
     REACHED_IF(gap_over_kexec, a_boot != boot && a_boot != NO_BOOT);
     CLAIM(a_gap_is_reported_only_if_records_were_lost,
           ((lost_to_other | (a_boot == boot -> 0 : lost_to_kexec)) & UNSEEN) != 0);
     CLAIM(records_are_archived_once_and_in_order, alike || new == 0 || archived < LOWEST(new))
  :: else ->
     REACHED(headless_chain);
     CLAIM(a_gap_is_reported_only_if_records_were_lost, ((lost_to_other | lost_to_kexec) & BEFORE_SEEN) != 0);
     end_a = 0; end_b = 0; parted_a = 0; parted_b = 0
  fi;
  parted_a = PARTS(UNSEEN_A, OF_A) || (parted_a && seen_a == end_a);
  parted_b = PARTS(UNSEEN_B, OF_B) || (parted_b && seen_b == end_b);
#ifdef BROKEN_LAST_ANCHOR
  last_parted_a = PARTS(UNSEEN_A, OF_A);
  last_parted_b = PARTS(UNSEEN_B, OF_B);
#endif
  match();
  REACHED_IF(one_pcr_parted, parted_a != parted_b);
#ifndef BROKEN_ANCHOR_LIST
  put(new);
#endif
  has_chain = 1; a_chain = chain; end_a = seen_a; end_b = seen_b; in_list = ONES(list); pending = 0; anchored = 1;
  a_boot = boot;
  claim_accounts();
  forget_step()
}

#ifdef BROKEN_CLOSE
#define CLOSE_READING skip
#else
#define CLOSE_READING keeper_reads = 0
#endif

/* One step after the other. Between any two, records may be appended and extended. */
#if PCRS == 2
#define READ_PCRS seen_a = PCR_A; seen_b = PCR_B
#else
#define READ_PCRS seen_a = PCR_A
#endif
#define READ_COUNT_AND_PCRS count_before = ONES(current); READ_PCRS

inline follow() {
  atomic { !other_writes -> keeper_reads = 1 };
  READ_COUNT_AND_PCRS;
  atomic {
    if
    :: alike = 0
    :: alike = 1
    :: alike = 1; lower = 1
    :: alike = 1; lower = 2
    fi
  };
  do
  ::
#ifdef BROKEN_SETTLE
     atomic { HAS_SETTLED && !other_writes -> keeper_reads = 1 };
#endif
     d_step {
       HAS_SETTLED ->
       if
       :: settled && !UNCHANGED -> REACHED(concurrent_change)
       :: else ->
          look();
          lower = 0;
          if
          :: settled && verdict == MISMATCH -> anchor()
          :: else
          fi
       fi
     };
     if
     :: d_step { verdict == MISMATCH && !settled -> SETTLE }
     :: d_step { verdict == MATCHES && OPEN_QUESTION -> SETTLE };
        d_step {
          HAS_SETTLED ->
          if
          :: UNCHANGED -> decide(ONES(LIST)); forget_step()
          :: else
          fi;
          CLOSE_READING;
          forget_reading()
        };
        break
     :: d_step {
          !(verdict == MISMATCH && !settled) && !(verdict == MATCHES && OPEN_QUESTION) ->
          CLOSE_READING;
          forget_reading()
        };
        break
     fi
  od
}

#ifdef BROKEN_HOLD
#define OPEN_TO_WRITE CAN_WRITE -> skip
#else
#define OPEN_TO_WRITE CAN_WRITE -> keeper_writes = 1
#endif
#define CAN_WRITE (!keeper_reads && !other_reads && !other_writes)

/* The request was carried out or refused, and the list is closed. If it was carried out, the pending trim is
 * cleared. */
inline end_trim() {
  d_step { keeper_writes = 0; forget_reading() };
  if
  :: deleting > 0 ->
#ifdef BROKEN_HEAD
     pending = 0;
#endif
     d_step { in_list = in_list - deleting; pending = 0 }
  :: else
  fi
}

inline trim_by_stage() {
  atomic { OPEN_TO_WRITE };
  if
#ifndef BROKEN_EEXIST
  :: was_staged
#endif
#if METHOD == STAGE
  :: else ->
     /* A waits for the appenders' lock, so what it stages is extended. */
     atomic {
       extended == appended ->
       if
       :: staged == 0 && current != 0 && !suspended -> staged = current; current = 0
       :: else -> REACHED(a_refused); goto give_up
       fi
     }
#endif
  fi;
  READ_COUNT_AND_PCRS;
#ifdef BROKEN_ORDER
  d_step { CLAIM_DELETION(staged); staged = 0 };
#endif
  /* The staged records are proven if replay of them gives exactly the PCR values, and the current list then holds the
   * rest of the known records. One transaction takes the new records and the pending trim. */
  d_step {
    rest = staged;
    drop_first(rest, in_list);
    rest_a = OF_A & ~BELOW(end_a);
    drop_first(rest_a, ONES(rest & OF_A));
    rest_b = OF_B & ~BELOW(end_b);
    drop_first(rest_b, ONES(rest & OF_B));
    new = (OF_A & ~BELOW(end_a) & ~rest_a) | (OF_B & ~BELOW(end_b) & ~rest_b);
    records = ONES(staged);
    if
#ifdef BROKEN_CHECK
    :: records > 0 ->
#else
    :: records > 0 && ONES(current) == count_before && count_before == AT_LEAST_0(in_list, records) &&
       ((new ^ UNSEEN) & (OF_A | COMPARED_B)) == 0 ->
#endif
       deleting = records;
       new = rest;
       CLAIM(records_are_archived_once_and_in_order,
             new == UNSEEN && (new == 0 || archived < LOWEST(new)));
       REACHED_IF(new_records_archived_with_the_pending_trim, new != 0);
       REACHED_IF(staged_and_current_both_hold_records, current != 0);
       match();
       put(new);
#ifndef BROKEN_COMMIT
       end_a = seen_a;
       end_b = seen_b;
       in_list = in_list + ONES(new);
       pending = deleting;
       claim_accounts()
#endif
    :: else -> REACHED(hold_given_up)
    fi;
    forget_step()
  };
  if
  :: deleting > 0 ->
#ifdef BROKEN_COMMIT
     d_step {
       in_list = in_list + ONES(UNSEEN);
       end_a = seen_a;
       end_b = seen_b;
       pending = deleting
     };
#endif
#ifdef BROKEN_CLEAR
     pending = 0;
#endif
     d_step {
       if
       :: suspended ->
          /* ESTALE: nothing is deleted, and the pending trim stays. */
          REACHED(d_refused);
#ifndef BROKEN_ESTALE
          deleting = 0
#endif
       :: else -> CLAIM_DELETION(staged); REACHED(trimmed_by_stage); staged = 0
       fi
     }
  :: else
  fi;
give_up:
  end_trim()
}

#if METHOD == COUNT
/* The keeper reads the count before the PCRs. So each PCR value covers its records among the counted ones, except
 * perhaps the last. Each counted record that is not archived has extended one of the PCRs since the archive's end.
 * The keeper leaves that number of records at the list's end, and one more. */
inline trim_by_count() {
  atomic { OPEN_TO_WRITE };
#ifdef BROKEN_COUNT
  READ_PCRS;
  count_before = ONES(current);
#else
  READ_COUNT_AND_PCRS;
#endif
  d_step {
    if
#ifdef BROKEN_CHECK
    :: true -> deleting = in_list - 1
#endif
#ifdef BROKEN_LAST
    :: UNSEEN == 0 && count_before > 0 -> deleting = count_before
#endif
#ifdef BROKEN_WINDOW
    :: in_list + ONES(UNSEEN) + 1 >= count_before && in_list + ONES(UNSEEN) <= ONES(current) -> deleting = in_list - 1
#endif
#ifdef BROKEN_REACH
    :: in_list <= ONES(current) ->
       list = current;
       known = in_list;
       replay(end_a, end_b);
       deleting = (matches -> AT_LEAST_0(count_before, 1 + index - known) : 0)
#endif
    :: count_before > 1 + ONES(UNSEEN) -> deleting = count_before - 1 - ONES(UNSEEN)
    :: else -> REACHED(hold_given_up)
    fi;
    pending = deleting;
    match();
    forget_step()
  };
  if
  :: deleting > 0 ->
#ifdef BROKEN_CLEAR
     pending = 0;
#endif
     d_step {
       if
       :: deleting > ONES(current) -> deleting = 0
       :: deleting <= ONES(current) && suspended -> REACHED(n_refused); deleting = 0
       :: else ->
          new = current;
          drop_first(new, deleting);
          CLAIM_DELETION(current & ~new);
          REACHED(trimmed_by_count);
          REACHED_IF(counted_while_records_came_in, UNSEEN != 0);
          current = new;
          forget_step()
       fi
     }
  :: else
  fi;
  end_trim()
}

#endif

#if METHOD == STAGE
#define LEFT 0
#else
#define LEFT 1
#endif
/* A record after the anchor proves no record before it: each PCR that parted must go on from the anchor. */
#if defined(BROKEN_BELIEVE)
#define PROVEN true
#elif defined(BROKEN_WAIT_FOR_ONE)
#define PROVEN (!anchored)
#elif defined(BROKEN_LAST_ANCHOR) /* the keeper forgets a PCR that parted only at an earlier anchor */
#define PROVEN (!anchored && !(parted_a && last_parted_a) && !(parted_b && last_parted_b))
#else
#define PROVEN (!anchored && !parted_a && !parted_b)
#endif
#define MAY_TRIM (verdict == MATCHES && PROVEN && !OPEN_QUESTION)
/* Whether a look would find anything to do. */
#define WORK \
  (PCR_A != end_a || PCR_B != end_b || chain != a_chain || in_list != ONES(LIST) || \
   has_chain && (OPEN_QUESTION || PROVEN && (staged != 0 || in_list > LEFT)))

active proctype keeper() {
end_start:
  {
end_idle:
    do
    :: WORK ->
       follow();
       if
       /* Staged records are deleted first, whoever staged them. */
#if METHOD == STAGE
       :: MAY_TRIM && in_list > 0 -> trim_by_stage()
#else
       :: MAY_TRIM && was_staged -> trim_by_stage()
       :: MAY_TRIM && !was_staged && in_list > 1 -> trim_by_count()
#endif
       :: else
       fi;
       d_step { forget() }
    od
  } unless {
    atomic { killed -> killed = 0; forget(); goto end_start }
  }
}

/* Opens for writing, sends any requests, and closes. Or opens for reading, which only prevents others from writing. */
active proctype other() {
  byte n;
end_other:
  do
  :: atomic { acts_left > 0 && !keeper_reads && !keeper_writes -> other_writes = 1 };
     do
     :: d_step {
          acts_left > 0 && staged == 0 && current != 0 && extended == appended && !suspended ->
          acts_left--; staged = current; current = 0
        }
     :: d_step {
          acts_left > 0 && staged != 0 && !suspended ->
          acts_left--;
          other_deleted = other_deleted + ONES(staged);
          lost_to_other = lost_to_other | (staged & ~archived);
          staged = 0
        }
     :: atomic {
          acts_left > 0 && current != 0 && !suspended ->
          acts_left--;
          n = 1;
          do
          :: n < ONES(current) -> n++
          :: break
          od;
          d_step {
            new = current;
            drop_first(new, n);
            REACHED_IF(range_missing_after_staged, staged != 0 && new != 0);
            other_deleted = other_deleted + n;
            lost_to_other = lost_to_other | (current & ~new & ~archived);
            current = new;
            n = 0;
            forget_step()
          }
        }
     :: atomic { other_writes = 0; break }
     od
  :: atomic { acts_left > 0 && !keeper_writes -> acts_left--; other_reads = 1 };
     other_reads = 0
  od
}

inline crash() { killed = 1; keeper_reads = 0; keeper_writes = 0 }

/* Appends and extends. Ends the keeper, reboots, and executes kexec. */
active proctype machine() {
  byte dropped;
end_machine:
  do
  :: d_step {
       records_left > 0 && extended == appended && !suspended ->
       records_left--; current = current | (1 << appended); appended++
     }
#if PCRS == 2
  :: d_step {
       records_left > 0 && extended == appended && !suspended ->
       records_left--; current = current | (1 << appended); in_b = in_b | (1 << appended); appended++
     }
#endif
  :: d_step { extended < appended -> extended = appended }
  :: d_step { crashes_left > 0 && !killed -> crashes_left--; crash() }
#if REBOOTS > 0
  :: d_step {
       reboots_left > 0 && !other_reads && !other_writes ->
       reboots_left--; crash(); suspended = 0; boot++;
       chain++; staged = 0; current = 0; appended = 0; extended = 0; in_b = 0;
       archived = 0; matched = 0; lost_to_other = 0; lost_to_kexec = 0; other_deleted = 0; accused = 0
     }
#endif
#if KEXECS > 0
  :: d_step { kexecs_left > 0 && !suspended && extended == appended -> suspended = 1 }
  :: atomic {
       suspended && kexecs_left > 0 && !other_reads && !other_writes ->
       kexecs_left--; crash(); suspended = 0; boot++;
       current = LIST; staged = 0;
       do
       :: dropped < 2 && current != 0 ->
          d_step {
            new = 1 << LAST(current);
            lost_to_kexec = lost_to_kexec | (new & ~archived);
            current = current & ~new;
            dropped++;
            forget_step()
          }
       :: break
       od;
       dropped = 0
     }
#endif
#ifdef LIVE
  /* The actors need not use up their bounds. But a kexec that has begun is carried out. */
  :: d_step {
       records_left + acts_left + crashes_left + reboots_left + (suspended -> 0 : kexecs_left) > 0 ->
       records_left = 0; acts_left = 0; crashes_left = 0; reboots_left = 0;
       kexecs_left = (suspended -> kexecs_left : 0)
     }
#endif
  od
}

#ifdef LIVE
/* Every record is archived, and every record that may be deleted is deleted. */
#define SETTLED \
  (extended == appended && (LIST & ~archived) == 0 && (pending == 0 || appended == 0) && \
   (!PROVEN || (staged == 0 && ONES(current) <= LEFT)))
ltl settles { <>[] SETTLED }
#endif
