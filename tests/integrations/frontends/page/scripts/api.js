// The server's answers, set by the one who asks.
export const api = {
  asked: [],
  answer: null,
  async fetchApi(route) {
    this.asked.push(route);
    if (this.answer instanceof Error) throw this.answer;
    return { ok: this.answer !== null, json: async () => this.answer };
  },
};
