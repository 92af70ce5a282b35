/* SPDX-License-Identifier: Apache-2.0 */
/* attestation.pml - the protocol between a host and its verifiers: challenge, evidence, commit, answer, trim.
 * tools/check_model.sh checks it.
 *
 * Actors:
 *   the attester  asks for challenges, quotes, sends evidence, gives up, sends the same evidence again, stores answers
 *   the processes of the verifiers. All processes of one verifier share its database, and keep nothing else
 *   the keeper    trims what every registered verifier has proven
 *   the machine   measures, ends attester and keeper at any step, and resets the TPM
 * attestation.md says what is abstracted.
 *
 * Records are numbers. A chain is the number of TPM resets, as a quote states it. A quote covers the first records of
 * its chain. A hash chain takes no value twice, so the replay of other records matches no quote.
 *
 * The bounds are below. -DBROKEN_... leaves one rule of the protocol out; the search must then find an error. */

#ifndef VERIFIERS
#define VERIFIERS 1
#endif
/* Of all verifiers. Process P belongs to verifier P % VERIFIERS. */
#ifndef PROCESSES
#define PROCESSES 2
#endif
#ifndef RECORDS
#define RECORDS 2 /* of one chain */
#endif
#ifndef CHALLENGES
#define CHALLENGES 3
#endif
#ifndef RESETS
#define RESETS 0
#endif

/* As in keeper.pml: the search itself prints which claim failed, and which states it has reached. */
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

/* The host. A TPM reset empties the list and kills attester and keeper. */
byte chain = 1;
byte appended; /* records of this chain */
byte trimmed;  /* how many of them the keeper has deleted */
byte resets_left = RESETS;

/* The host's archive: the last answer of each verifier. Durable. */
typedef Acknowledgement { byte chain; byte n };
Acknowledgement acknowledged[VERIFIERS];

/* The keeper's memory. */
byte target; /* the records before this one are about to be deleted; 0: none */

/* The database of each verifier: the host's row. Durable, and changed by one step for each transaction. */
typedef Row {
  byte chain; /* 0: nothing is known of the host */
  byte n;     /* records of the chain that are proven */
  byte epoch;
  byte answered; /* the nonce of the evidence that moved the row last, plus one */
  byte answer    /* the N that it was answered with */
};
Row row[VERIFIERS];

/* Challenges are numbered; the number stands for the random part of a nonce. */
byte challenges;

/* Evidence on its way. The attester has two at once, or one twice. */
#define SLOTS 2
#define OTHER(s) (1 - (s))
#define FREE 0
#define ASKED 1 /* the host has the challenge */
#define SENT 2
#define TAKEN 3 /* by a process */
typedef Sending {
  byte state;
  byte verifier;
  byte nonce;
  byte epoch;  /* to which the nonce is bound */
  byte first;  /* number of the first record sent */
  byte end;    /* number after the last record sent */
  byte chain;  /* of the quote */
  byte covers  /* number of records that the quoted PCRs cover */
};
Sending sent[SLOTS];

/* The truth. Only the claims read it. */
byte committed[CHALLENGES]; /* the N of the evidence with this nonce that a database accepted, plus one */
byte last[VERIFIERS];       /* the nonce that the verifier's database accepted last, plus one */
byte proven[VERIFIERS];     /* records of the host's present chain that an accepted quote covers */

inline forget(s) {
  sent[s].state = FREE; sent[s].verifier = 0; sent[s].nonce = 0; sent[s].epoch = 0; sent[s].first = 0;
  sent[s].end = 0; sent[s].chain = 0; sent[s].covers = 0
}

/* ---- a process of a verifier ---- */

#define V (_pid % VERIFIERS) /* its verifier */
#define REFUSED 0
#define ACCEPTED 1
#define REPEATED 2

#ifdef BROKEN_NONCE
#define NONCE_IS_GOOD true
#else
#define NONCE_IS_GOOD (sent[s].epoch == row[V].epoch)
#endif
/* A quote of a later reset begins a chain. */
#define FIRST_WANTED (sent[s].chain == row[V].chain -> row[V].n : 0)
/* The replay begins at the row's state, and leads to the quoted PCRs after some record that was sent. */
#define MATCHES (FIRST_WANTED <= sent[s].covers && sent[s].covers <= sent[s].end)
#ifdef BROKEN_MATCH
#define PROVEN sent[s].end
#else
#define PROVEN sent[s].covers
#endif

#ifdef BROKEN_REPEAT /* any evidence for an earlier challenge is answered, with the N of today */
#define CAME_AGAIN (row[V].answered == sent[s].nonce + 1 || \
                    (sent[s].epoch < row[V].epoch && sent[s].chain == row[V].chain))
#define STORED_ANSWER row[V].n
#else
#define CAME_AGAIN (row[V].answered == sent[s].nonce + 1)
#define STORED_ANSWER row[V].answer
#endif

/* Takes evidence, reads the row, and judges. */
inline judge(slot) {
  s = slot;
  sent[s].state = TAKEN;
  if
  :: CAME_AGAIN ->
     REACHED(evidence_came_again);
     verdict = REPEATED;
     n = STORED_ANSWER
  :: else ->
     CLAIM(a_host_that_asks_again_is_answered, last[V] != sent[s].nonce + 1);
     if
     :: NONCE_IS_GOOD && sent[s].chain >= row[V].chain && sent[s].first == FIRST_WANTED && MATCHES ->
        REACHED_IF(records_after_the_quote, sent[s].covers < sent[s].end);
        REACHED_IF(nothing_new, sent[s].covers == FIRST_WANTED);
        verdict = ACCEPTED;
        n = PROVEN;
        epoch = row[V].epoch
     :: else ->
        REACHED_IF(nonce_of_an_earlier_epoch, !NONCE_IS_GOOD);
        REACHED_IF(quote_of_an_earlier_chain, sent[s].chain < row[V].chain);
        forget(s)
     fi
  fi
}

#ifdef BROKEN_EPOCH
#define EPOCH_IS_AS_READ true
#else
#define EPOCH_IS_AS_READ (row[V].epoch == epoch)
#endif

/* One transaction: the compare-and-swap on the epoch. */
inline commit() {
  if
  :: EPOCH_IS_AS_READ ->
     CLAIM(a_nonce_is_accepted_at_most_once, committed[sent[s].nonce] == 0);
     CLAIM(n_never_moves_back_within_a_chain,
           sent[s].chain > row[V].chain || (sent[s].chain == row[V].chain && n >= row[V].n));
     REACHED_IF(new_chain, row[V].chain != 0 && sent[s].chain > row[V].chain);
     REACHED_IF(proven_after_a_reset, sent[s].chain < chain);
     committed[sent[s].nonce] = n + 1;
     last[V] = sent[s].nonce + 1;
     proven[V] = (sent[s].chain == chain -> sent[s].covers : proven[V]);
     row[V].chain = sent[s].chain;
     row[V].n = n;
     row[V].epoch++;
#ifndef BROKEN_STORE
     row[V].answered = sent[s].nonce + 1;
     row[V].answer = n
#endif
  :: else ->
     REACHED(epoch_has_moved);
     verdict = REFUSED;
     forget(s)
  fi
}

/* The answer reaches the host, unless the host has begun another chain meanwhile: then nobody waits for it. The host
 * stores it by one transaction of its archive. Answers may come in another order than the commits. */
inline give_answer() {
  CLAIM(an_answer_is_given_only_after_its_commit, committed[sent[s].nonce] != 0);
  CLAIM(a_host_that_asks_again_gets_the_same_n, committed[sent[s].nonce] == 0 || committed[sent[s].nonce] == n + 1);
  if
  :: sent[s].chain == chain ->
     if
     :: acknowledged[V].chain == chain && acknowledged[V].n >= n ->
        REACHED_IF(older_answer, acknowledged[V].n > n)
     :: else -> acknowledged[V].chain = chain; acknowledged[V].n = n
     fi
  :: else -> REACHED(answer_to_an_earlier_chain)
  fi;
  forget(s);
  verdict = REFUSED
}

/* The process ends, or its answer is lost. The attester sends the same evidence again, or gives up. */
inline lose_and_repeat() { sent[s].state = SENT; verdict = REFUSED }
inline lose() { forget(s); verdict = REFUSED }

active [PROCESSES] proctype process() {
  byte s, verdict, n, epoch;
end_idle:
  do
  :: d_step { sent[0].state == SENT && sent[0].verifier == V -> judge(0) }
     goto begun
  :: d_step { sent[1].state == SENT && sent[1].verifier == V -> judge(1) }
     goto begun
  od;
begun:
#ifdef BROKEN_ANSWER
  if
  :: d_step { verdict == ACCEPTED -> give_answer() }
  :: verdict != ACCEPTED
  fi;
#endif
  if
  :: d_step { verdict == ACCEPTED -> commit() }
  :: d_step { verdict != REFUSED -> lose_and_repeat() }
  :: d_step { verdict != REFUSED -> lose() }
  :: verdict != ACCEPTED
  fi;
#ifdef BROKEN_STORE
  if
  :: d_step { verdict == ACCEPTED -> row[V].answered = sent[s].nonce + 1; row[V].answer = n }
  :: d_step { verdict == ACCEPTED -> lose_and_repeat() }
  :: verdict != ACCEPTED
  fi;
#endif
  if
  :: d_step { verdict != REFUSED -> give_answer() }
  :: d_step { verdict != REFUSED -> REACHED_IF(lost_after_the_commit, verdict == ACCEPTED); lose_and_repeat() }
  :: d_step { verdict != REFUSED -> lose() }
  :: verdict == REFUSED
  fi;
  d_step { s = 0; n = 0; epoch = 0 };
  goto end_idle
}

/* ---- the host ---- */

inline ask(slot, whom) {
  sent[slot].state = ASKED;
  sent[slot].verifier = whom;
  sent[slot].nonce = challenges;
  sent[slot].epoch = row[whom].epoch;
  sent[slot].chain = chain;
  sent[slot].first = (row[whom].chain == chain -> row[whom].n : 0);
  challenges++
}

/* The record that was appended last may have come after the quote, or its extend may be in flight. */
inline send(slot, later) {
  sent[slot].state = SENT;
  sent[slot].covers = appended - later;
  sent[slot].end = appended
}

/* The same evidence once more, by another connection. The first one may be on its way still. */
inline send_again(slot) {
  sent[OTHER(slot)].state = SENT;
  sent[OTHER(slot)].verifier = sent[slot].verifier;
  sent[OTHER(slot)].nonce = sent[slot].nonce;
  sent[OTHER(slot)].epoch = sent[slot].epoch;
  sent[OTHER(slot)].first = sent[slot].first;
  sent[OTHER(slot)].end = sent[slot].end;
  sent[OTHER(slot)].chain = sent[slot].chain;
  sent[OTHER(slot)].covers = sent[slot].covers
}

#define ON_ITS_WAY(s) (sent[s].state == SENT || sent[s].state == TAKEN)

#define ATTEST(s) \
  :: d_step { sent[s].state == FREE && challenges < CHALLENGES -> ask(s, 0) } \
  ASK_THE_SECOND(s) \
  :: d_step { sent[s].state == ASKED -> send(s, 0) } \
  :: d_step { sent[s].state == ASKED && appended > 0 -> send(s, 1) } \
  :: d_step { ON_ITS_WAY(s) && sent[s].chain == chain && sent[OTHER(s)].state == FREE -> send_again(s) }
#if VERIFIERS == 2
#define ASK_THE_SECOND(s) :: d_step { sent[s].state == FREE && challenges < CHALLENGES -> ask(s, 1) }
#else
#define ASK_THE_SECOND(s)
#endif

active proctype attester() {
end_attester:
  do
  ATTEST(0)
  ATTEST(1)
  od
}

#ifdef BROKEN_CHAIN
#define N_OF(v) acknowledged[v].n
#else
#define N_OF(v) (acknowledged[v].chain == chain -> acknowledged[v].n : 0)
#endif
#if VERIFIERS == 1
#define MAY_TRIM N_OF(0)
#define ALL_PROVE(number) (proven[0] >= (number))
#else
#ifdef BROKEN_MINIMUM
#define MAY_TRIM (N_OF(0) > N_OF(1) -> N_OF(0) : N_OF(1))
#else
#define MAY_TRIM (N_OF(0) < N_OF(1) -> N_OF(0) : N_OF(1))
#endif
#define ALL_PROVE(number) (proven[0] >= (number) && proven[1] >= (number))
#endif

active proctype keeper() {
end_keeper:
  do
  :: d_step { MAY_TRIM > trimmed && target == 0 -> target = MAY_TRIM }
  :: d_step {
       target > 0 ->
       CLAIM(only_what_every_verifier_has_proven_is_trimmed, ALL_PROVE(target));
       REACHED(trimmed);
#if VERIFIERS == 2
       REACHED_IF(one_verifier_is_further, N_OF(0) != N_OF(1));
#endif
       REACHED_IF(trimmed_with_evidence_on_its_way, ON_ITS_WAY(0) || ON_ITS_WAY(1));
       trimmed = (target > trimmed -> target : trimmed);
       target = 0
     }
  od
}

/* Attester and keeper lose their memory. What a verifier has been sent it judges all the same. An answer that nobody
 * waits for is as good as lost. */
inline crash() {
  if
  :: sent[0].state == ASKED -> forget(0)
  :: else
  fi;
  if
  :: sent[1].state == ASKED -> forget(1)
  :: else
  fi;
  target = 0
}

active proctype machine() {
end_machine:
  do
  :: d_step { appended < RECORDS -> appended++ }
  :: d_step { sent[0].state == ASKED || sent[1].state == ASKED || target != 0 -> crash() }
#if RESETS > 0
  :: d_step {
       resets_left > 0 ->
       resets_left--; crash(); chain++; appended = 0; trimmed = 0; proven[0] = 0;
#if VERIFIERS == 2
       proven[1] = 0
#endif
     }
#endif
  od
}
