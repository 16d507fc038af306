"""Leaderboards whose rows prove their outcomes: boards, bundles, and their verification.

    board = read_board("sokoban")                                   # board.py
    run = evaluate(board_plan(board, "random"), "runs/first")
    write_bundle(run, board, Metadata(method="random"), out)        # bundle.py, schema.py, archive.py
    report = verify(out, workers=2)                                 # verify.py, checks.py, replay.py, suspicion.py

A bundle comes from anyone. Whatever it holds, it is read within fixed limits, never unpacked, and judged by playing its
actions again: that proves what they led to, not who chose them.
"""
